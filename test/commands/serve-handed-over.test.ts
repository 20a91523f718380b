import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { handedOver, takeServiceVariables } from '../../src/commands/serve-variables.ts';
import { BINARY, keyctl, NO_SERVICE_VARIABLES, temporaryFolder } from '../harness.ts';
import { eventually } from '../system/running.ts';

/**
 * Stands where systemd does: opens a socket, or something else, and starts keyctl with it as descriptor 3. It waits without turning its
 * own loop, since Node accepts whatever comes to a socket that it listens on. `exec` keeps the process that LISTEN_PID names.
 */
const MANAGER = `
  const { spawnSync } = require('node:child_process');
  const { writeSync } = require('node:fs');
  const [third, words, ...command] = process.argv.slice(1);
  const run = (stdio) => {
    const { status } = spawnSync('/bin/sh', ['-c', words, ...command], { stdio: ['ignore', 'inherit', 'inherit', stdio] });
    process.exit(status ?? 99);
  };
  if (/^(pipe|ignore)$/.test(third)) run(third);
  else if (third === 'file') run(require('node:fs').openSync(process.execPath));
  else {
    const server = require('node:net').createServer();
    server.listen(JSON.parse(third), () => {
      if (typeof server.address() === 'object') writeSync(1, 'port=' + server.address().port + '\\n');
      run(server._handle.fd);
    });
  }
`;

let folder: ReturnType<typeof temporaryFolder>;
let db: string;
const running: Started[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  db = join(folder.path, 'keyctl.db');
});

afterEach(async () => {
  for (const started of running.splice(0)) await started.stop();
  folder.cleanUp();
});

interface Started {
  output(): string;
  /** What the first group of the expression matches in its output, as soon as it does. */
  said(expression: RegExp): Promise<string>;
  /** Resolves with its exit code when it ends by itself. */
  readonly code: Promise<number | null>;
  signal(name: NodeJS.Signals): Promise<void>;
  stop(): Promise<number | null>;
}

/** A socket to open, or what is none. */
type Third = { readonly host: string; readonly port: number } | { readonly path: string } | 'file' | 'pipe' | 'ignore';

/** Starts `keyctl serve` with descriptor 3 and what a service manager would have said of it. */
function serve(args: readonly string[], third: Third, { pid = '$$', fds = '1', more = '' } = {}): Started {
  const words = `echo pid=$$; LISTEN_PID=${pid} LISTEN_FDS=${fds} LISTEN_FDNAMES=keyctl.socket ${more} exec "$0" "$@"`;
  const opened = typeof third === 'string' ? third : JSON.stringify(third);
  const child = spawn(process.execPath, ['-e', MANAGER, opened, words, process.execPath, BINARY, '--db', db, 'serve', ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder.path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  let over = false;
  const code = new Promise<number | null>((resolve) => {
    child.once('close', (status) => {
      over = true;
      resolve(status);
    });
  });
  const said = (expression: RegExp): Promise<string> =>
    eventually(() => {
      const found = expression.exec(output)?.[1];
      if (found === undefined) throw new Error(`it does not say so: ${output}`);
      return found;
    });
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const id = Number(await said(/pid=(\d+)/));
    if (!over) process.kill(id, name);
  };
  const started = { output: () => output, said, code, signal, stop: () => signal('SIGTERM').then(() => code) };
  running.push(started);
  return started;
}

const address = (started: Started): Promise<string> => started.said(/"address":"([^"]+)"/);
const ON_LOOPBACK = { host: '127.0.0.1', port: 0 };

/** The status of a request on a connection of its own. */
function status(options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ agent: false, ...options }, (answer) => {
      resolve(answer.resume().statusCode);
    })
      .on('error', reject)
      .end();
  });
}

const askPath = (socketPath: string, path: string): Promise<number | undefined> => status({ socketPath, path, host: 'localhost' });

describe('a socket that was handed over', () => {
  test('is served on: TCP on loopback, at its own port', async () => {
    const started = serve([], ON_LOOPBACK);
    const url = `http://127.0.0.1:${await started.said(/port=(\d+)/)}`;
    expect(await address(started)).toBe(url);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    expect(await started.stop()).toBe(0);
  });

  test('is served on: a Unix socket, whose mode and file are left alone, at the end too', async () => {
    const path = join(folder.path, 'handed.sock');
    const started = serve([], { path }, { more: `KEYCTL_SERVE_SOCKET_MODE=600` });
    expect(await address(started)).toBe(`unix:${path}`);
    const { ino, mode } = statSync(path);
    expect((mode & 0o777).toString(8)).not.toBe('600');
    expect(await askPath(path, '/metrics')).toBe(200);
    expect(await started.stop()).toBe(0);
    expect(statSync(path)).toMatchObject({ ino, mode });
  });

  test('beats what the environment says of ports and sockets', async () => {
    const path = join(folder.path, 'other.sock');
    const started = serve([], ON_LOOPBACK, { more: `KEYCTL_SERVE_PORT=1 KEYCTL_SERVE_SOCKET='${path}'` });
    expect(await address(started)).toBe(`http://127.0.0.1:${await started.said(/port=(\d+)/)}`);
    expect(existsSync(path)).toBe(false);
  });

  test.each(['0.0.0.0', '::'])('on %s is off loopback, and the rules of access are those', async (host) => {
    const refused = serve([], { host, port: 0 });
    expect(await refused.code).toBe(2);
    expect(refused.output()).toContain('--token-file');
    const started = serve(['--allow-peer', '127.0.0.1/32'], { host, port: 0 });
    await address(started);
    // Off loopback an allowed peer needs no loopback Host; on loopback without a token it would.
    const port = Number(await started.said(/port=(\d+)/));
    expect(await status({ host: '127.0.0.1', port, path: '/metrics', headers: { Host: 'keyctl.example' } })).toBe(200);
  });

  test('on loopback keeps its rules too: what a proxy could have passed on gets no free answers', async () => {
    const started = serve(['--allow-peer', '127.0.0.1/32'], ON_LOOPBACK);
    const port = Number(new URL(await address(started)).port);
    expect(await status({ host: '127.0.0.1', port, path: '/metrics', headers: { Host: 'keyctl.example' } })).toBe(403);
  });

  test('for another process counts for nothing', async () => {
    const started = serve(['--port', '0'], ON_LOOPBACK, { pid: '1' });
    expect(await address(started)).not.toContain(`:${await started.said(/port=(\d+)/)}`);
  });

  test.each([
    ['--port', '0'],
    ['--host', '127.0.0.1'],
    ['--socket', 's'],
    ['--socket-mode', '600'],
  ])('excludes %s', async (...flags) => {
    const started = serve(flags, ON_LOOPBACK);
    expect(await started.code).toBe(2);
    expect(started.output()).toContain('was handed a socket');
  });

  test.each(['2', 'x'])('is one, not %s', async (fds) => {
    const started = serve([], ON_LOOPBACK, { fds });
    expect(await started.code).toBe(2);
    expect(started.output()).not.toContain('unexpectedly');
  });

  test.each<Third>(['file', 'pipe', 'ignore'])('is a socket that listens: not %j', async (third) => {
    const started = serve([], third);
    expect(await started.code).toBe(1);
    expect(started.output()).toMatch(/no socket that serve can listen on|does not listen/);
    expect(started.output()).not.toContain('unexpectedly');
  });
});

describe('the variables', () => {
  const told = { ...NO_SERVICE_VARIABLES, pid: 17, listenPid: '17', listenFds: '1', listenNames: 'web:other' };

  test('are taken out of the environment, whoever they were for', () => {
    const env = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a', NOTIFY_SOCKET: '/run/n', HOME: '/root' };
    expect(takeServiceVariables(env, 17)).toEqual({ pid: 17, listenPid: '1', listenFds: '1', listenNames: 'a', notifySocket: '/run/n' });
    expect(env).toEqual({ HOME: '/root' });
    expect(takeServiceVariables(env, 17)).toEqual({ ...NO_SERVICE_VARIABLES, pid: 17 });
  });

  test('name descriptor 3', () => {
    expect(handedOver(told)).toEqual({ fd: 3, name: 'web' });
    expect(handedOver({ ...told, listenNames: undefined })).toEqual({ fd: 3, name: 'handed over' });
  });

  test.each([
    { listenPid: '18' },
    { listenPid: undefined },
    { listenPid: '' },
    { listenPid: '17 ' },
    { listenFds: undefined },
    { listenFds: '0' },
  ])('mean nothing with %j', (patch) => {
    expect(handedOver({ ...told, ...patch })).toBeNull();
  });

  test.each(['2', '99999'])('%s sockets are too many', (listenFds) => {
    expect(() => handedOver({ ...told, listenFds })).toThrow('several');
  });

  test.each(['', '-1', '1x', '1e3', '999999'])('%j is no number of sockets', (listenFds) => {
    expect(() => handedOver({ ...told, listenFds })).toThrow('LISTEN_FDS');
  });
});

describe('--socket', () => {
  const started = (path: string, ...more: string[]): Started => serve(['--socket', path, ...more], 'ignore', { pid: '1' });

  test('has its mode, and its file goes with the server', async () => {
    const path = join(folder.path, 'k.sock');
    const server = started(path, '--socket-mode', '600');
    expect(await address(server)).toBe(`unix:${path}`);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    expect(await askPath(path, '/readyz')).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(existsSync(path)).toBe(false);
    const usual = started(path);
    await address(usual);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
  });

  test('takes over what a killed server left, and not what a living one has', async () => {
    const path = join(folder.path, 'k.sock');
    const killed = started(path);
    await address(killed);
    await killed.signal('SIGKILL');
    await killed.code;
    expect(existsSync(path)).toBe(true);
    const next = started(path);
    await address(next);
    const { code, stderr } = await keyctl(['serve', '--socket', path], { db });
    expect([code, stderr]).toEqual([4, expect.stringContaining('in use')]);
    expect(await askPath(path, '/readyz')).toBe(200);
  });

  test('never removes what is no socket', async () => {
    const path = join(folder.path, 'precious');
    writeFileSync(path, 'mine');
    const { code, stderr } = await keyctl(['serve', '--socket', path], { db });
    expect([code, stderr]).toEqual([4, expect.stringContaining('no socket')]);
    expect(existsSync(path)).toBe(true);
  });

  test('with a path that the kernel would cut is refused, and nothing is left of it', async () => {
    const before = readdirSync(folder.path);
    const { code, stderr } = await keyctl(['serve', '--socket', join(folder.path, 'k'.repeat(100))], { db });
    expect([code, stderr]).toEqual([2, expect.stringContaining('107 bytes')]);
    expect(readdirSync(folder.path).filter((name) => !before.includes(name) && !name.startsWith('keyctl.db'))).toEqual([]);
  });
});
