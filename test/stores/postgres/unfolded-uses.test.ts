import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Key, Ref } from '../../../src/domain/entities.ts';
import type { KeyUse } from '../../../src/domain/store.ts';
import { dayOf, MS_PER_DAY } from '../../../src/domain/utc-day.ts';
import type { TemporaryStore } from '../../harness.ts';
import { runSql } from '../../postgres/database.ts';
import { sentBy } from '../../postgres/sent.ts';
import { storeInPostgres } from '../../postgres/store.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';

// A list of many keys while no server folds: whatever is debited meanwhile is added up once, and not with every page.

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOON);
const KEYS = 100;
const EACH = 120;
const COST = 7;

let opened: TemporaryStore;
let keys: (Key & { readonly apiKey: string })[];
let refs: Ref[];

beforeAll(async () => {
  const clock = { now: NOON - MS_PER_DAY };
  opened = await storeInPostgres(clock);
  const account = await addAccount(opened.store, 'busy', 'professional');
  keys = [];
  for (let index = 0; index < KEYS; index += 1) keys.push(await addKey(opened.store, account, { name: `k${String(index)}` }));
  refs = keys.map(({ ref }) => ref);
  clock.now = NOON;
  // The last of yesterday and the first of today, in turns over the keys; a tenth of them by the account itself.
  for (const [from, many] of [
    [String(NOON - MS_PER_DAY), EACH / 2],
    [String(NOON - 60_000), EACH],
  ] as const)
    await runSql(
      opened.path,
      `INSERT INTO keyctl.debits SELECT ${from} * 1000 + n, ${from}, ${String(account.ref)},
         CASE WHEN n < ${String(KEYS * many)} THEN ${String(refs[0])} + n % ${String(KEYS)} END, 1, ${String(COST)}, 0, NULL, NULL, NULL
       FROM generate_series(0, ${String(KEYS * many * 1.1)}) n`,
      "SELECT setval('keyctl.debit_numbers', (SELECT max(number) FROM keyctl.debits))",
    );
}, 60_000);

afterAll(() => opened.cleanUp());

function page(day = TODAY): Promise<ReadonlyMap<Ref, KeyUse>> {
  return opened.store.read((tx) => tx.usage.ofKeys(refs, day));
}

/** Whether everybody's debits are added up while an act runs. */
async function addsUp(act: () => Promise<unknown>): Promise<boolean> {
  return (await sentBy(act)).some(({ text }) => text.includes('next AS MATERIALIZED'));
}

test('the first page adds everything up, those after it only what came since', async () => {
  expect(await addsUp(page)).toBe(true);
  expect(await addsUp(page)).toBe(false);
  const [key, other] = keys as [Key & { apiKey: string }, Key];
  await settleOne(opened.store, requestBy(key, { cost: 5 }));
  let used: ReadonlyMap<Ref, KeyUse> = new Map();
  expect(await addsUp(async () => (used = await page()))).toBe(false);
  expect(used.get(key.ref)).toEqual({ requests: EACH + 1, credits: EACH * COST + 5, lastUsedAt: NOON });
  expect(used.get(other.ref)).toEqual({ requests: EACH, credits: EACH * COST, lastUsedAt: NOON - 60_000 });
  expect((await page(TODAY - 1)).get(other.ref)).toEqual({ requests: EACH / 2, credits: (EACH / 2) * COST, lastUsedAt: NOON - 60_000 });
});

test('one key is found by its account, whatever else waits to be folded', async () => {
  const [first] = refs as [Ref];
  expect(await addsUp(() => opened.store.read((tx) => tx.usage.ofKeys([first], TODAY)))).toBe(false);
});

test('whatever part of them is folded, each is counted once', async () => {
  const before = await page();
  for (const limit of [1, 5_000, 4_000, 100_000]) {
    await opened.store.writeBeside((tx) => tx.usage.fold(limit));
    expect(await page()).toEqual(before);
    expect(await page()).toEqual(before);
  }
});
