import { randomBytes } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { openStore } from '../../../src/stores/open-store.ts';
import { temporaryFolder } from '../../harness.ts';

const folder = temporaryFolder();

afterAll(() => {
  folder.cleanUp();
});

writeFileSync(join(folder.path, 'file'), 'something');
symlinkSync('there', join(folder.path, 'here'));
symlinkSync('here', join(folder.path, 'there'));

test.each([
  ['a file', join(folder.path, 'file', 'keyctl.db')],
  ['a file, two folders further', join(folder.path, 'file', 'folder', 'keyctl.db')],
  ['a link that leads nowhere', join(folder.path, 'here')],
  ['a name that is too long', join(folder.path, 'x'.repeat(300))],
  ['a place where nothing can be made', '/proc/keyctl.db'],
  ['a folder', folder.path],
])('a store in %s cannot be made, and the error says where it was tried', async (_, location) => {
  const opened = openStore({ location, mode: 'create', clock: () => 0, randomBytes, busyTimeoutMs: 100 });
  await expect(opened).rejects.toMatchObject({
    code: 'store_read_only',
    message: expect.stringContaining(location),
    hint: expect.any(String),
  });
});
