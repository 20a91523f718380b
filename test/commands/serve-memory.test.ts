import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { BINARY, keyctl, temporaryFolder } from '../harness.ts';
import { start } from '../system/running.ts';

/** Tells at the end, from within the server's first thread, how large its young generation has become. */
const PROBE = `
  const { isMainThread } = require('node:worker_threads');
  const { getHeapSpaceStatistics } = require('node:v8');
  if (isMainThread) process.on('exit', () => {
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    process.stderr.write('young generation: ' + String(space_size) + '\\n');
  });
`;
const CONNECTIONS = 64;
const EACH = 200;
const MOST_BYTES = 8 * 2 ** 20;

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
});

afterEach(() => {
  folder.cleanUp();
});

/** Sends the request over and over on one connection, each when the one before is answered; returns how many were admitted. */
function askRepeatedly(port: number, request: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let [answered, admitted] = [0, 0];
    socket.once('error', reject);
    socket.on('data', (data) => {
      answered += 1;
      if (data.toString('latin1').startsWith('HTTP/1.1 200')) admitted += 1;
      if (answered < EACH) socket.write(request);
      else
        socket.end(() => {
          resolve(admitted);
        });
    });
  });
}

test('the young generation of a server under load stays as small as it was at the start', async () => {
  const db = join(folder.path, 'keyctl.db');
  const probe = join(folder.path, 'probe.cjs');
  writeFileSync(probe, PROBE);
  const { stdout: key } = await keyctl(['create', '--name', 'prod'], { db });
  await keyctl(['tier', 'edit', 'free', '--rate', 'none', '--daily-credits', '1000000000', '--now'], { db });
  const server = start(process.execPath, ['--require', probe, BINARY, '--db', db, 'serve', '--port', '0'], { HOME: folder.path });
  try {
    const [, port] = await server.said(/"address":"http:[^"]+:(\d+)"/);
    const request = `GET /verify HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key.trim()}\r\n\r\n`;
    const admitted = await Promise.all(Array.from({ length: CONNECTIONS }, () => askRepeatedly(Number(port), request)));
    expect(admitted).toEqual(Array<number>(CONNECTIONS).fill(EACH));
  } finally {
    expect(await server.stop()).toBe(0);
  }
  const [, bytes] = await server.said(/young generation: (\d+)/);
  expect(Number(bytes)).toBeLessThanOrEqual(MOST_BYTES);
});
