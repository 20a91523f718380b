import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyctl, temporaryFolder } from '../harness.ts';

/** Loaded into every thread of the process: the one that writes the store fails at the first thing that it is told to do. */
const FAILS = `
  const { isMainThread, parentPort } = require('node:worker_threads');
  if (!isMainThread) parentPort.once('message', () => { throw new Error('no more'); });
`;

test('a server whose writing thread has died ends with a failure, so that whoever watches over it starts it again', async () => {
  const folder = temporaryFolder();
  try {
    const preload = join(folder.path, 'fails.cjs');
    writeFileSync(preload, FAILS);
    const env = { NODE_OPTIONS: `--require ${preload}` };
    const { code, stderr } = await keyctl(['serve', '--port', '0'], { db: join(folder.path, 'keyctl.db'), env });
    expect(code).toBe(1);
    expect(stderr).toContain('The thread that writes the store has ended.');
  } finally {
    folder.cleanUp();
  }
});
