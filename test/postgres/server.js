/**
 * A real PostgreSQL for the tests, from the binaries that npm installed: `node test/postgres/server.js`. It makes a new cluster in a folder
 * of its own, says `{"port":…}` in one line when it takes connections, and is gone with its folder as soon as its stdin ends: whoever
 * started it may be killed, and nothing is left behind.
 *
 * With a folder as its argument the data is there, on whatever disk that is, else in memory if there is enough.
 *
 * Everybody on this machine may connect, over loopback alone, without a password; only the role `with_password` has to give one.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { folderOf, freePort, LOOPBACK, makeCluster, programs, roomiest, runner } from './programs.js';

const ATTEMPTS = 3;

/** Starts the server and resolves when it takes connections; rejects with what it said if it ends before. */
function begin(postgres, data, port, user) {
  const settings = [`listen_addresses=${LOOPBACK}`, `unix_socket_directories=${dirname(data)}`, 'max_connections=200', 'log_timezone=UTC'];
  const child = spawn(postgres, ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])], {
    ...user,
    cwd: '/',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  server = child;
  let said = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      // What it says of the tests' mistakes, which are on purpose, is of no use to anybody.
      said = (said + String(chunk)).slice(-10_000);
      if (said.includes('database system is ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => {
      server = null;
      reject(new Error(`PostgreSQL did not start:\n${said}`));
    });
  });
}

async function beginAnywhere(postgres, data, user) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      await begin(postgres, data, port, user);
      return port;
    } catch (error) {
      if (ending || attempt === ATTEMPTS) throw error;
    }
  }
}

const folders = [];
let ending = false;
/** The process, from when it is started until it has ended. */
let server = null;

function end() {
  ending = true;
  // Nothing of it is kept, so that it has nothing to put in order.
  if (server === null) leave();
  else server.once('exit', leave).kill('SIGQUIT');
}

function leave() {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit();
}

process.stdin.resume().once('close', end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end);

try {
  const user = runner();
  const newFolder = (inside) => {
    const folder = folderOf(user, inside);
    folders.push(folder);
    return folder;
  };
  const data = join(newFolder(process.argv[2] ?? roomiest()), 'data');
  const { initdb, postgres } = await programs(user, newFolder);
  makeCluster(initdb, data, user);
  const port = await beginAnywhere(postgres, data, user);
  server.once('exit', () => {
    if (!ending) process.exitCode = 1;
    leave();
  });
  console.log(JSON.stringify({ port }));
} catch (error) {
  console.log(JSON.stringify({ error: String(error.stderr ?? error.message) }));
  process.exitCode = 1;
  leave();
}
