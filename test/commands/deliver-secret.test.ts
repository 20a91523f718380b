import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { delivering } from '../../src/commands/deliver-secret.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import type { Store } from '../../src/domain/store.ts';
import { createKey, type CreateKey } from '../../src/operations/create-key.ts';
import { viewKey } from '../../src/operations/view-key.ts';
import { ACTOR, temporaryFolder, temporaryStore } from '../harness.ts';
import { words } from '../operations/key-fixture.ts';

const WANTED: CreateKey = {
  ...{ name: 'prod', account: 'default', environment: 'production', expiresAt: null },
  ...{ services: [], allowedIps: [], dailyCap: null, note: null },
};

let store: Store;
let closeStore: () => Promise<void>;
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(async () => {
  ({ store, cleanUp: closeStore } = await temporaryStore('2026-11-22T10:00:00Z'));
  folder = temporaryFolder();
});
afterEach(async () => {
  await closeStore();
  folder.cleanUp();
});

/** A store whose disk is full in the last moment, when everything was done but committing. */
function failingAtCommit(behind: Store): Store {
  return {
    location: behind.location,
    read: (act) => behind.read(act),
    write: (act) =>
      behind.write(async (tx, now) => {
        await act(tx, now);
        throw new KeyctlError('store_full', 'The disk is full.');
      }),
    writeBeside: (act) => behind.writeBeside(act),
    settle: (requests) => behind.settle(requests),
    preview: (requests, at) => behind.preview(requests, at),
    close: () => behind.close(),
  };
}

const create = (into: Store, file: string | undefined): Promise<{ apiKey: string }> =>
  delivering(file, (deliver) => createKey(into, WANTED, ACTOR, randomBytes, deliver));

test('the file of --out holds the secret of a key that was made', async () => {
  const file = join(folder.path, 'secret');
  const { apiKey } = await create(store, file);
  expect(readFileSync(file, 'utf8')).toBe(`${apiKey}\n`);
});

test('the file goes again when the transaction fails after it was written', async () => {
  const file = join(folder.path, 'secret');
  await expect(create(failingAtCommit(store), file)).rejects.toMatchObject({ code: 'store_full' });
  expect(existsSync(file)).toBe(false);
  await expect(viewKey(store, words('prod'))).rejects.toMatchObject({ code: 'not_found' });
});

test('a file that was there before stays, whatever fails', async () => {
  const file = join(folder.path, 'secret');
  const { apiKey } = await create(store, file);
  const again = delivering(file, (deliver) => createKey(store, { ...WANTED, name: 'other' }, ACTOR, randomBytes, deliver));
  await expect(again).rejects.toMatchObject({ code: 'already_exists' });
  expect(readFileSync(file, 'utf8')).toBe(`${apiKey}\n`);
});

test('without a file nothing is written', async () => {
  await create(store, undefined);
  expect((await viewKey(store, words('prod'))).key.name).toBe('prod');
});
