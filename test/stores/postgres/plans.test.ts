import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { ReadTransaction } from '../../../src/domain/store.ts';
import { dayOf, hourOf, MS_PER_DAY, MS_PER_HOUR } from '../../../src/domain/utc-day.ts';
import type { Statement } from '../../../src/stores/postgres/statements.ts';
import type { TemporaryStore } from '../../harness.ts';
import { runSql } from '../../postgres/database.ts';
import { sentBy } from '../../postgres/sent.ts';
import { storeInPostgres } from '../../postgres/store.ts';
import { addAccount, addKey, requestBy, settleOne } from '../contract.ts';
import { fillWithMany, LARGE } from './many-rows.ts';

// Every statement that the store sends for an act is explained, with the values that it was sent with, and carried out and taken back.

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const TODAY = dayOf(NOON);

let opened: TemporaryStore;
let explaining: pg.Client;

beforeAll(async () => {
  // Made two days ago, so that there are tables for the debits of three.
  const clock = { now: NOON - 2 * MS_PER_DAY };
  opened = await storeInPostgres(clock);
  clock.now = NOON;
  await fillWithMany(opened.path, NOON);
  explaining = new pg.Client({ connectionString: opened.path });
  await explaining.connect();
  await explaining.query('SET search_path = keyctl');
  await explaining.query('SET jit = off');
});

afterAll(async () => {
  await explaining.end();
  await opened.cleanUp();
});

/** The statements that read or write tables, as they are sent while the act runs. */
async function onTables(act: () => Promise<unknown>): Promise<readonly Statement[]> {
  const sent = await sentBy(act);
  return sent.filter(({ text }) => /^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b/.test(text) && /\b(FROM|INTO|UPDATE)\b/.test(text));
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Function Name'?: string;
  /** Only where the statement was carried out. */
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

function scansIn(plan: Plan): Plan[] {
  const below = (plan.Plans ?? []).flatMap(scansIn);
  return plan['Relation Name'] === undefined || !plan['Node Type'].includes('Scan') ? below : [plan, ...below];
}

function isLarge(relation = ''): boolean {
  return relation.startsWith('debits_') || (LARGE as readonly string[]).includes(relation);
}

interface Read {
  /** The statements that walk through a large table as it lies. */
  readonly walked: readonly string[];
  /** How many rows of large tables were looked at; 0 where the statements were only planned. */
  readonly rows: number;
  readonly statements: number;
}

function nodesIn(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesIn)];
}

/** How statements are carried out; `options` are for EXPLAIN, each with a comma behind it. */
async function plansOf(sent: readonly Statement[], options = ''): Promise<Plan[]> {
  const plans: Plan[] = [];
  for (const { text, values = [] } of sent) {
    const explained = await explaining.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(`EXPLAIN (${options}FORMAT JSON) ${text}`, [...values]);
    plans.push(...(explained.rows[0]?.['QUERY PLAN'] ?? []).map(({ Plan: plan }) => plan));
  }
  return plans;
}

/** What the act reads of the large tables. What writes is planned and not carried out a second time. */
async function readBy(act: () => Promise<unknown>, carriedOut: boolean): Promise<Read> {
  const sent = await onTables(act);
  const walked: string[] = [];
  let rows = 0;
  for (const statement of sent) {
    for (const scan of (await plansOf([statement], carriedOut ? 'ANALYZE, ' : '')).flatMap(scansIn)) {
      const relation = scan['Relation Name'];
      const loops = scan['Actual Loops'] ?? 1;
      if (!isLarge(relation) || loops === 0) continue;
      const removed = (scan['Rows Removed by Filter'] ?? 0) + (scan['Rows Removed by Index Recheck'] ?? 0);
      rows += ((scan['Actual Rows'] ?? 0) + removed) * loops;
      if (scan['Node Type'] === 'Seq Scan') walked.push(`${relation ?? ''} for ${statement.text}`);
    }
  }
  return { walked, rows, statements: sent.length };
}

const DAY = { from: NOON - MS_PER_DAY, to: NOON + MS_PER_HOUR, table: 'hour' } as const;
const MONTH = { from: NOON - 30 * MS_PER_DAY, to: NOON + MS_PER_DAY, table: 'day' } as const;

/** What is asked, how it is asked of the store, and how many rows it may look at for it, over all the statements. */
const READS: readonly (readonly [string, (tx: ReadTransaction) => Promise<unknown>, number])[] = [
  ['a page of all keys', (tx) => tx.keys.page({ now: NOON, status: 'not-deleted' }, { after: 20_000, limit: 500 }), 1_000],
  ['a page of active keys', (tx) => tx.keys.page({ now: NOON, status: 'active' }, { after: 20_000, limit: 500 }), 1_000],
  ['a page of an account’s keys', (tx) => tx.keys.page({ now: NOON, accountRef: 500 }, { after: 0, limit: 500 }), 50],
  ['a key by its id', (tx) => tx.keys.byId('key_00000700'), 10],
  ['keys by how their id begins', (tx) => tx.keys.liveByIdPrefix('key_000007', 5), 50],
  ['a key by its name', (tx) => tx.keys.liveByName('k700', null), 10],
  ['keys by how their name begins', (tx) => tx.keys.liveByNamePrefix('k70', null, 20), 200],
  ['a key by its secret', (tx) => tx.keys.byDigest('00'.repeat(32)), 10],
  ['a page of all accounts', (tx) => tx.accounts.page({}, { after: 9_000, limit: 500 }), 1_500],
  ['a page of a tier', (tx) => tx.accounts.page({ tier: { name: 'startup', day: TODAY } }, { after: 9_000, limit: 50 }), 500],
  ['an account by its name', (tx) => tx.accounts.byName('a700'), 10],
  ['the newest debits', (tx) => tx.debits.page({}, null, 500), 2_500],
  ['a later page of debits', (tx) => tx.debits.page({}, (NOON - MS_PER_DAY) * 1_000, 500), 2_500],
  ['the debits of an account', (tx) => tx.debits.page({ accountRef: 70 }, null, 20), 150],
  ['the debits of a key', (tx) => tx.debits.page({ keyRef: 70 }, null, 20), 150],
  ['the debits of an hour', (tx) => tx.debits.page({ since: NOON - 3 * MS_PER_HOUR, until: NOON - 2 * MS_PER_HOUR }, null, 500), 2_500],
  ['debits as they come', (tx) => tx.debits.since({}, (NOON - MS_PER_HOUR) * 1_000, 500), 2_500],
  ['a debit by its id', (tx) => tx.debits.byNumber(NOON * 1_000 - 5), 10],
  ['the time of the newest debit', (tx) => tx.debits.newestAt(), 5],
  ['the pace of the last moments', (tx) => tx.debits.pace(NOON - 60_000, 1_000, 5), 1_100],
  ['the newest denials', (tx) => tx.usage.denials({}, 500), 2_500],
  ['a later page of denials', (tx) => tx.usage.denials({}, 500, { at: NOON - 9_000_000, number: 9_000 }), 2_500],
  ['an account’s usage by the hour', (tx) => tx.usage.sums({ ...DAY, by: 'hour', accountRef: 70 }), 250],
  ['an account’s usage by the day', (tx) => tx.usage.sums({ ...MONTH, by: 'day', accountRef: 70 }), 250],
  ['a key’s usage by the day', (tx) => tx.usage.sums({ ...MONTH, by: 'service', keyRef: 70 }), 250],
  ['everybody’s usage of two hours', (tx) => tx.usage.sums({ ...DAY, from: NOON - MS_PER_HOUR, by: 'hour' }), 20_000],
  ['what the keys of a page did today', (tx) => tx.usage.ofKeys([70, 71, 72, 9_000], TODAY), 400],
  ['what keys did by the hour', (tx) => tx.usage.ofKeysByHour([70, 71], hourOf(NOON) - 24, hourOf(NOON)), 400],
  ['whether debits wait to be folded', (tx) => tx.usage.unfoldedBefore(NOON), 10],
  ['the books of some accounts', (tx) => tx.credits.balances([70, 71, 72], TODAY), 20],
  ['the books of a range', (tx) => tx.credits.booksIn(TODAY - 1, { after: 500, through: 600 }), 2_500],
  ['what was spent towards a cap', (tx) => tx.credits.capSpent(70, TODAY), 10],
  ['the newest adjustments of an account', (tx) => tx.credits.adjustments(70, 20), 50],
  ['the newest entries of the audit trail', (tx) => tx.audit.page({}, null, 50), 100],
];

describe('pages are read by key from indexes, whatever else there is', () => {
  test.each(READS)('%s', async (_, act, most) => {
    const { walked, rows, statements } = await readBy(() => opened.store.read(act), true);
    expect(walked).toEqual([]);
    expect(statements).toBeGreaterThan(0);
    expect(rows).toBeLessThanOrEqual(most);
  });
});

async function expectNothingWalked(act: () => Promise<unknown>): Promise<void> {
  const { walked, statements } = await readBy(act, false);
  expect(walked).toEqual([]);
  expect(statements).toBeGreaterThan(0);
}

describe('acts find their rows by key', () => {
  test('verifying a batch, with keys that are known and keys that are not', async () => {
    const account = await addAccount(opened.store, 'verified');
    const keys = [await addKey(opened.store, account), await addKey(opened.store, account, { name: 'other', dailyCap: 1_000 })];
    const batch = keys.flatMap((key, which) => [requestBy(key), requestBy(key, { requestId: `id-${String(which)}` })]);
    await expectNothingWalked(() => opened.store.settle(batch));
    await expectNothingWalked(() => opened.store.settle(batch));
    await expectNothingWalked(() => opened.store.preview(batch));
  });

  test('a batch’s arrays become no tables, and the one row of state is found however many versions of it lie around', async () => {
    const key = await addKey(opened.store, await addAccount(opened.store, 'settled'), { dailyCap: 1_000 });
    const batch = [requestBy(key), requestBy(key, { requestId: 'once' })];
    await opened.store.settle(batch);
    await runSql(opened.path, `DO $$ BEGIN FOR turn IN 1..5000 LOOP UPDATE keyctl.config SET value = value WHERE false; END LOOP; END $$`);
    const plans = await plansOf(await onTables(() => opened.store.settle(batch)));
    expect(plans.flatMap(nodesIn).filter((node) => node['Function Name'] === 'unnest')).toEqual([]);
    const found = plans.flatMap(scansIn).filter((scan) => scan['Relation Name'] === 'state');
    expect(new Set(found.map((scan) => scan['Node Type']))).toEqual(new Set(['Index Scan']));
  });

  test('folding the next debits', async () => {
    await expectNothingWalked(() => opened.store.writeBeside((tx) => tx.usage.fold(20)));
  });

  test('giving a debit back', async () => {
    const account = await addAccount(opened.store, 'refunded');
    await settleOne(opened.store, requestBy(await addKey(opened.store, account)));
    const [debit] = await opened.store.read((tx) => tx.debits.page({ accountRef: account.ref }, null, 1));
    if (debit === undefined) throw new RangeError('no debit');
    await expectNothingWalked(() => opened.store.write((tx, now) => tx.debits.refund(debit, now)));
  });

  test('counting denials', async () => {
    const at = { at: NOON, account: 'a70', keyId: 'key_00000069', service: 'default', code: 'api_key_disabled' } as const;
    await expectNothingWalked(() =>
      opened.store.writeBeside((tx) => tx.usage.addDenials([{ ...at, ip: null, requestId: null, count: 3 }])),
    );
  });
});
