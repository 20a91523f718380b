import { expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { openPostgresStore } from '../../../src/stores/postgres/store.ts';
import { temporaryDatabase } from '../../postgres/database.ts';
import { eventually } from '../../system/running.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

test('a node that hangs in the middle of a transaction loses its locks, and the others go on', async () => {
  const { url, cleanUp } = await temporaryDatabase();
  const open = async (mode: 'create' | 'write') =>
    (await openPostgresStore({ url, mode, clock: null, randomBytes, busyTimeoutMs: 150, env: {} })).store;
  const [hanging, other] = [await open('create'), await open('write')];
  const key = await addKey(other, await addAccount(other, 'acme'));
  let goOn = (): void => undefined;
  const entered = new Promise<void>((resolve) => {
    void hanging
      .write(async () => {
        resolve();
        await new Promise<void>((released) => (goOn = released));
      })
      .catch(() => undefined);
  });
  await entered;
  // Nothing is settled beside who writes, so that the first answer is that the store is busy.
  await expect(settleOne(other, requestBy(key))).rejects.toMatchObject({ code: 'store_busy' });
  const verdict = await eventually(() => settleOne(other, requestBy(key)), 500);
  expect(verdict.code).toBe('ok');
  goOn();
  await hanging.close().catch(() => undefined);
  await other.close();
  await cleanUp();
});
