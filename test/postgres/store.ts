import { afterEach } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Store } from '../../src/domain/store.ts';
import { temporaryStaging } from '../../src/stores/sqlite/temporary-staging.ts';
import { openPostgresStore } from '../../src/stores/postgres/store.ts';
import { storesElsewhere, type TemporaryStore, type TestClock } from '../harness.ts';
import { temporaryDatabase, templateDatabase } from './database.ts';

/** Opens the store in a database with the clock of a test instead of the database's own. */
export async function openAt(url: string, mode: 'read' | 'write' | 'create', clock: TestClock): Promise<Store> {
  return (
    await openPostgresStore({
      url,
      mode,
      clock: () => clock.now,
      randomBytes,
      busyTimeoutMs: 10_000,
      env: {},
      staging: async () => temporaryStaging(),
    })
  ).store;
}

/** A store in a new database. */
export async function storeInPostgres(clock: TestClock): Promise<TemporaryStore> {
  // Making the tables takes longer than most tests: a copy of a store of that moment is as new.
  const template = await templateDatabase(`a store made at ${String(clock.now)}`, async (url) => {
    await (await openAt(url, 'create', clock)).close();
  });
  const { url, cleanUp } = await temporaryDatabase(template);
  const store = await openAt(url, 'write', clock);
  let open = true;
  return {
    ...{ store, clock, path: url, reopen: (mode) => openAt(url, mode, clock) },
    cleanUp: async () => {
      // A case that cleans up after itself does so before the file does.
      if (!open) return;
      open = false;
      await store.close();
      await cleanUp();
    },
  };
}

/**
 * Has the stores of this file of tests in PostgreSQL, and cleans up after each case:
 *
 *     overPostgres();
 *     await import('../credit.test.ts');
 */
export function overPostgres(): void {
  const opened: TemporaryStore[] = [];
  storesElsewhere(async (clock) => {
    const store = await storeInPostgres(clock);
    opened.push(store);
    return store;
  });
  afterEach(async () => {
    for (const { cleanUp } of opened.splice(0)) await cleanUp();
  });
}
