import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY, temporaryFolder } from '../harness.ts';

describe('stdout that cannot be written', () => {
  test('is told in one JSON object, with what to do about the secret that is lost, and exits 1', () => {
    const folder = temporaryFolder();
    const file = join(folder.path, 'read-only');
    writeFileSync(file, '');
    // A descriptor that is open for reading only refuses every write, as a full disk does.
    const stdout = openSync(file, 'r');
    const args = [BINARY, 'create', '--name', 'prod', '--json', '--quiet', '--db', join(folder.path, 'keyctl.db')];
    const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'], encoding: 'utf8' });
    closeSync(stdout);
    folder.cleanUp();
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'failed', message: 'stdout cannot be written: EBADF.', hint: expect.stringContaining('rotate or delete that key') },
    });
    expect(status).toBe(1);
  });
});
