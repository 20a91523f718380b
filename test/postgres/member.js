/**
 * A PostgreSQL server that a test kills and starts again, or two of which one follows the other; `one-server.ts` drives it.
 *
 *   node test/postgres/member.js make               a new cluster in a folder of its own; says where, {"folder":…}
 *   node test/postgres/member.js copy <data>        a copy of a cluster's files in a folder of its own; says where
 *   node test/postgres/member.js run <folder> <port>    runs it until stdin ends, and removes the folder then; says {"pid":…}
 */
import { execFileSync, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, LOOPBACK, makeCluster, programs, roomiest, runner } from './programs.js';

const [verb, ...words] = process.argv.slice(2);
const user = runner();
/** Where the programs had to be copied to. */
const copies = [];
const found = await programs(user, (inside) => {
  copies.push(folderOf(user, inside));
  return copies[0];
});

const say = (what) => console.log(JSON.stringify(what));
const leave = (code, folders) => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(code);
};

function make() {
  const folder = folderOf(user, roomiest());
  makeCluster(found.initdb, join(folder, 'data'), user);
  say({ folder });
}

function copy(data) {
  const folder = folderOf(user, roomiest());
  // Files come and go in a cluster that runs; those are of no use to a copy, whose log brings what it lacks.
  const skip = ['--exclude=./postmaster.pid', '--exclude=./postmaster.opts', '--exclude=./pg_wal/*', '--exclude=./pg_replslot/*'];
  const script =
    'mkdir -m 700 "$2" && { tar -C "$1" --warning=no-file-changed --warning=no-file-removed -cf - "${@:3}" . || [ $? = 1 ]; } | tar -C "$2" -xf -';
  execFileSync('bash', ['-c', script, 'bash', data, join(folder, 'data'), ...skip], {
    ...user,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  say({ folder });
}

function run(folder, port) {
  const settings = [
    `listen_addresses=${LOOPBACK}`,
    `unix_socket_directories=${folder}`,
    'log_timezone=UTC',
    'wal_keep_size=1GB',
    'dynamic_shared_memory_type=mmap',
  ];
  const child = spawn(found.postgres, ['-D', join(folder, 'data'), '-p', port, ...settings.flatMap((setting) => ['-c', setting])], {
    ...user,
    cwd: '/',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let told = false;
  child.once('spawn', () => say({ pid: child.pid }));
  // One that was killed leaves its folder as it is.
  child.once('exit', (code) => leave(code ?? 1, told ? [folder, ...copies] : copies));
  process.stdin.resume().once('close', () => {
    told = true;
    child.kill('SIGCONT');
    child.kill('SIGQUIT');
  });
}

if (verb === 'make') make();
else if (verb === 'copy') copy(...words);
else run(...words);
