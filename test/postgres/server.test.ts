import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runSql, temporaryDatabase } from './database.ts';

const SERVER = fileURLToPath(new URL('server.js', import.meta.url));

let starter: ChildProcess;

beforeAll(() => {
  // Somebody who starts a PostgreSQL as Jest does, and is then killed.
  const script = `const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(SERVER)}], { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
    console.log(child.pid); setInterval(() => {}, 1_000);`;
  starter = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
});

afterAll(() => {
  starter.kill('SIGKILL');
});

test('whoever starts a PostgreSQL for tests may be killed: it ends, and its folder is gone', async () => {
  const { stdout } = starter;
  if (stdout === null) throw new RangeError('stdout is a pipe');
  let said = '';
  const url = await new Promise<string>((resolve) => {
    stdout.on('data', (chunk) => {
      said += String(chunk);
      const port = /"port":(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(`postgres://postgres@127.0.0.1:${port}/postgres`);
    });
  });
  const [row] = await runSql(url, "SELECT current_setting('data_directory') AS folder");
  const folder = String(row?.['folder']);
  expect(existsSync(folder)).toBe(true);
  starter.kill('SIGKILL');
  // The pipe to its stdout is the server's as well, so that its end is the end of both.
  await once(stdout, 'close');
  expect(existsSync(folder)).toBe(false);
  await expect(runSql(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('each database is new and empty, on a server that keeps what it commits', async () => {
  const one = await temporaryDatabase();
  const other = await temporaryDatabase();
  try {
    await runSql(one.url, 'CREATE TABLE things (n integer)');
    expect(await runSql(other.url, "SELECT to_regclass('things') AS found, current_setting('fsync') AS fsync")).toEqual([
      { found: null, fsync: 'on' },
    ]);
  } finally {
    await one.cleanUp();
    await other.cleanUp();
  }
  await expect(runSql(one.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});
