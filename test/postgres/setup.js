/**
 * Before the tests: a door on loopback behind which PostgreSQL starts for whoever asks first. A run of suites that never ask for it does not
 * wait for it. Whatever keeps it from starting is told to every suite that asks, so that no run passes without it.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Resolves with the one line that the server says: its port, or why it did not start. */
function start() {
  // A process group of its own: Ctrl-C at a terminal ends Jest, and the end of its stdin ends the server.
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server.js')], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const line = new Promise((resolve) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('\n')) resolve(said);
    });
    child.once('close', () => resolve(JSON.stringify({ error: 'PostgreSQL ended before it took connections.' })));
  });
  return { child, line };
}

export default function setup() {
  // Whoever runs Jest many times has opened the door already, and closes it.
  if (process.env.KEYCTL_TEST_POSTGRES !== undefined) {
    globalThis.stopPostgres = () => undefined;
    return undefined;
  }
  let server = null;
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    server ??= start();
    server.line.then((line) => socket.end(line));
  });
  globalThis.stopPostgres = async () => {
    door.close();
    if (server === null || server.child.exitCode !== null) return;
    const closed = new Promise((resolve) => server.child.once('close', resolve));
    server.child.stdin.end();
    await closed;
  };
  return new Promise((resolve, reject) => {
    door.once('error', reject);
    door.listen(0, '127.0.0.1', () => {
      process.env.KEYCTL_TEST_POSTGRES = String(door.address().port);
      resolve();
    });
  });
}
