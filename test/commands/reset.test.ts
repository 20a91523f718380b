import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import { keyctl, temporaryStore } from '../harness.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { allBooks } from '../operations/reset-fixture.ts';
import { piped } from './piped-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const FIELDS = ['day', 'alreadyDone', 'accounts', 'creditsGranted', 'creditsExpired', 'tierChangesApplied', 'daysClosed', 'pruned'];

describe('keyctl reset', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  beforeEach(async () => {
    opened = await temporaryStore(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const run = (...argv: string[]) => piped(argv, { path: opened.path, clock: opened.clock });

  test('says in JSON what it did, and that a second run finds nothing to do', async () => {
    await charge(opened.store, 'default', 5);
    opened.clock.now = NOON + MS_PER_DAY;
    const { code, stdout, stderr } = await run('reset', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual(FIELDS);
    expect(report).toEqual({
      ...{ day: '2026-11-23', alreadyDone: false, accounts: 1, creditsGranted: 100_000, creditsExpired: 99_500, tierChangesApplied: 0 },
      ...{ daysClosed: 1, pruned: { debits: 0, usage: 0, requestIds: 0 } },
    });
    expect(JSON.parse((await run('reset', '--json')).stdout)).toMatchObject({ alreadyDone: true, daysClosed: 0, creditsExpired: 0 });
  });

  test('--dry-run tells the same beforehand and changes nothing', async () => {
    await charge(opened.store, 'default', 5);
    opened.clock.now = NOON + 3 * MS_PER_DAY;
    const preview = await run('reset', '--dry-run', '--json');
    expect(await opened.store.read((tx) => tx.config.lastReset())).toBeNull();
    expect((await run('reset', '--dry-run')).stdout).toContain('3 days would be closed');
    expect((await run('reset', '--json')).stdout).toBe(preview.stdout);
  });

  test('warns on stderr, whatever else is quiet, when the clock is far past the newest debit, and prunes when told to', async () => {
    await charge(opened.store, 'default', 5);
    opened.clock.now = NOON + 50 * MS_PER_DAY;
    const { code, stdout, stderr } = await run('reset', '--json', '--quiet');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ daysClosed: 50, pruned: { debits: 0, usage: 0, requestIds: 0 } });
    expect(stderr).toContain('2026-11-22T12:00:00.000Z');
    expect(stderr).toContain('keyctl reset --prune');
    const pruned = await run('reset', '--prune', '--json');
    expect(pruned.stderr).toBe('');
    expect(JSON.parse(pruned.stdout)).toMatchObject({ pruned: { debits: 5 } });
  });

  test('balances do not wait for it, and it does not touch the running day', async () => {
    await charge(opened.store, 'default', 1_000);
    opened.clock.now = NOON + 12 * MS_PER_HOUR;
    expect((await run('charge')).code).toBe(0);
    await run('reset');
    expect(JSON.parse((await run('account', 'view', 'default', '--json')).stdout)).toMatchObject({
      credits: { day: '2026-11-23', granted: 100_000, spent: 100, remaining: 99_900 },
    });
  });
});

describe('keyctl as processes', () => {
  let opened: Awaited<ReturnType<typeof temporaryStore>>;

  afterEach(() => opened.cleanUp());

  test('four resets at once, beside charges, leave the books of one', async () => {
    // The processes have the host's clock: the store was made three days ago.
    opened = await temporaryStore(new Date(Date.now() - 3 * MS_PER_DAY).toISOString());
    const { store, path, clock } = opened;
    const first = Math.floor(clock.now / MS_PER_DAY);
    for (let index = 0; index < 600; index += 1) await addAccount(store, `a${String(index)}`);
    for (let index = 0; index < 600; index += 5) await charge(store, `a${String(index)}`, 1 + (index % 3));
    clock.now += MS_PER_DAY;
    for (let index = 0; index < 600; index += 9) await charge(store, `a${String(index)}`, 2);
    const [charges, ...resets] = await Promise.all([
      keyctl(['charge', '--account', 'a7', '--requests', '1200', '--json'], { db: path }),
      ...[1, 2, 3, 4].map(() => keyctl(['reset', '--json'], { db: path })),
    ]);
    // A midnight may pass meanwhile: it is the books that say how many days there were.
    const charged = JSON.parse(charges.stdout) as { accepted: number; denied: { insufficient_credits?: number } };
    expect(charged.accepted + (charged.denied.insufficient_credits ?? 0)).toBe(1_200);
    const reports = resets.map(({ code, stdout }) => {
      expect(code).toBe(0);
      return JSON.parse(stdout) as { daysClosed: number; creditsExpired: number };
    });
    clock.now = Date.now();
    const through = await store.read((tx) => tx.credits.closedThrough());
    const days = Array.from({ length: through - first + 1 }, (_, index) => first + index);
    expect(days.length).toBeGreaterThanOrEqual(3);
    const { closed, books } = await allBooks(store, days);
    const spent = books.map((ofDay) => ofDay.reduce((total, { balance }) => total + balance.spent, 0));
    expect(closed.map((day) => day.spent)).toEqual(spent);
    expect(books.flat().every(({ balance, used }) => balance.spent === used)).toBe(true);
    const sum = (field: 'daysClosed' | 'creditsExpired'): number => reports.reduce((total, report) => total + report[field], 0);
    expect(sum('daysClosed')).toBe(days.length);
    expect(sum('creditsExpired')).toBe(days.length * 601 * 100_000 - spent.reduce((total, each) => total + each, 0));
  });

  test.each(['Asia/Kolkata', 'America/New_York', 'Pacific/Kiritimati'])('TZ=%s changes nothing in what they say', async (zone) => {
    opened = await temporaryStore(new Date(Date.now() - 2 * MS_PER_DAY).toISOString());
    const { store, path, clock } = opened;
    await charge(store, 'default', 4);
    clock.now += MS_PER_DAY;
    await charge(store, 'default', 3);
    const commands = [
      ['usage', '--since', '3d', '--by', 'day', '--json'],
      ['usage', '--since', '2d', '--by', 'hour', '--json'],
      ['debits', '--json'],
      ['reset', '--dry-run', '--json'],
      ['simulate', '--requests', '2000', '--at', '2030-03-30T23:59:59Z', '--arrivals', '100/s', '--json'],
    ];
    for (const argv of commands) {
      const hour = Math.floor(Date.now() / MS_PER_HOUR);
      const [inZone, inUtc] = await Promise.all([
        keyctl(argv, { db: path, env: { TZ: zone } }),
        keyctl(argv, { db: path, env: { TZ: 'UTC' } }),
      ]);
      // Only a pair that ran within one hour has to agree.
      if (Math.floor(Date.now() / MS_PER_HOUR) === hour) expect(inZone).toEqual(inUtc);
      expect(inZone.code).toBe(0);
    }
  });
});
