import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import { statusScreen } from '../../src/commands/status-screen.ts';
import { frame } from '../../src/commands/status-watch.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import type { BusyAccount, StatusView } from '../../src/operations/describe-status.ts';
import { describeKeys } from '../../src/operations/describe-keys.ts';
import { widthOf } from '../../src/terminal/fit.ts';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { memoryStore } from '../operations/account-fixture.ts';
import { makeKey } from '../operations/key-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const PLAIN = new Chalk({ level: 0 });

function busy(account: string, spent: number, allowance: number, exhaustedAt: number | null = null): BusyAccount {
  const forecast = { state: exhaustedAt === null ? 'lasts' : 'runs_out', exhaustedAt, spentByReset: null, basis: null, days: 9 } as const;
  return { account, tier: 'standard', spent, allowance, remaining: allowance - spent, forecast };
}

function server(host: string, startedAt: number, seenAt: number, running = true): StatusView['servers'][number] {
  return { id: `srv_${host}`, host, pid: 4_711, address: `http://${host}:8080`, version: '1', startedAt, seenAt, running };
}

async function viewOf(changed: Partial<StatusView> = {}): Promise<StatusView> {
  const { store } = await memoryStore(new Date(NOON).toISOString());
  await makeKey(store, 'web shop', { expiresAt: NOON + MS_PER_DAY });
  await makeKey(store, '鍵'.repeat(40), { expiresAt: NOON + 2 * MS_PER_DAY });
  const keys = await store.read(async (tx, now) => describeKeys(tx, await tx.keys.ending(now, now + 7 * MS_PER_DAY, 9), now));
  return {
    ...{ store: '/var/lib/keyctl/keyctl.db', now: NOON, accounts: 10_001, lastReset: { at: NOON - 12 * MS_PER_HOUR, day: 20_414 } },
    today: { requests: 3_600, credits: 360_000, denied: { invalid_api_key: 41, insufficient_credits: 738 } },
    hours: Array.from({ length: 13 }, (_, hour) => ({
      ...{ at: NOON + (hour - 12) * MS_PER_HOUR, requests: hour * 50, credits: hour * 5_000, denied: {} },
    })),
    busiest: [busy('acme', 300_000, 300_000), busy('globex', 50_000, 1_000_000, NOON + 5 * MS_PER_HOUR), busy('initech', 10_000, 300_000)],
    tightest: [busy('acme', 300_000, 300_000), busy('hooli', 900, 1_000)],
    keys: { active: 99_997, disabled: 3, expired: 0, deleted: 0 },
    expiring: { count: 12, keys },
    servers: [server('one', NOON - 3 * MS_PER_HOUR, NOON - 5_000)],
    alerts: null,
    pace: {
      ...{ seconds: 10, requestsPerSecond: 12.5, creditsPerSecond: 1_250 },
      keys: [
        { account: 'acme', key: 'key_a', keyName: 'web', requestsPerSecond: 10 },
        { account: 'globex', key: null, keyName: null, requestsPerSecond: 2.5 },
      ],
    },
    ...changed,
  };
}

const shown = async (places: number, changed: Partial<StatusView> = {}, unicode = true): Promise<readonly string[]> =>
  statusScreen(await viewOf(changed), { places, glyphs: glyphs(unicode), paint: PLAIN });

describe('the screen of keyctl status', () => {
  test('in 80 columns', async () => {
    expect(await shown(80)).toEqual([
      'Store:   /var/lib/keyctl/keyctl.db',
      'Server:  http://one:8080 (pid 4711 on one), for 3 h',
      'Now:     12.5 requests/s',
      'Today:   3,600 admitted, 360,000 credits',
      'By hour:  ▁▂▂▃▄▄▅▆▆▇██  most at 12:00: 600',
      'Denied:  779, 738 of them insufficient_credits',
      'Keys:    99,997 active, 3 disabled, of 10,001 accounts',
      'Reset:   in 12 h, at 00:00 UTC; keyctl reset ran 12 h ago',
      '',
      'Hottest keys now',
      '  acme/web  ████████████████████████████████████████  10.0/s',
      '  globex    ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   2.5/s',
      '',
      'Busiest accounts today',
      '  acme     standard  ███████████████████████  100 % of   300,000  spent',
      '  globex   standard  █▏░░░░░░░░░░░░░░░░░░░░░    5 % of 1,000,000  spent at 17:00',
      '  initech  standard  ▊░░░░░░░░░░░░░░░░░░░░░░    3 % of   300,000',
      '',
      'Others near the end of their credits',
      '  hooli  standard  ████████████████████████████████████░░░░   90 % of     1,000',
      '',
      'Denied today',
      '  insufficient_credits  ████████████████████████████████████████  738',
      '  invalid_api_key       ██▏░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   41',
      '',
      'Keys that end within 7 days',
      '  default/web shop                          in 1 d',
      `  default/${'鍵'.repeat(15)}…   in 2 d`,
      '  and 10 more',
    ]);
  });

  test('in 200 columns stands in two, the accounts left, denials and keys right', async () => {
    const lines = await shown(200);
    expect(lines[0]).toMatch(/^Store: {3}.{90,95}Hottest keys now$/);
    expect(lines.find((line) => line.startsWith('  globex'))).toMatch(/globex .*spent at 17:00/);
    expect(lines.length).toBeLessThan(20);
  });

  test.each([30, 40, 60, 80, 139, 140, 200])('no line is wider than %i columns', async (places) => {
    for (const unicode of [true, false]) {
      for (const line of await shown(places, {}, unicode)) expect(widthOf(line)).toBeLessThanOrEqual(places);
    }
  });

  test('tells which servers run, and of the last that went without a word', async () => {
    const one = server('one', NOON - MS_PER_HOUR, NOON);
    const two = server('two', NOON - 60_000, NOON);
    const gone = server('gone', NOON - MS_PER_HOUR, NOON - 180_000, false);
    const line = async (servers: StatusView['servers']) => (await shown(120, { servers }))[1];
    expect(await line([])).toBe('Server:  none runs');
    expect(await line([gone, one, two])).toBe('Server:  http://two:8080 (pid 4711 on two), for 1 min, and 1 more');
    expect(await line([gone])).toBe('Server:  none runs; http://gone:8080 (pid 4711 on gone) was last heard of 3 min ago');
  });

  test('tells how the messages to the webhook are doing, where there is one', async () => {
    const well = { on: true, waiting: 0, givenUp: 0, oldestAt: null, lastResult: null, failing: false };
    const line = async (alerts: StatusView['alerts']) => (await shown(120, { alerts })).find((text) => text.startsWith('Alerts'));
    expect(await line(null)).toBeUndefined();
    expect(await line(well)).toBe('Alerts:  all delivered');
    expect(await line({ ...well, on: false })).toBe('Alerts:  switched off');
    expect(await line({ ...well, waiting: 1_200, oldestAt: NOON - 5 * MS_PER_HOUR, lastResult: 'connection refused', failing: true })).toBe(
      'Alerts:  1,200 waiting, the oldest for 5 h; last answer: connection refused',
    );
    expect(await line({ ...well, givenUp: 3, failing: true })).toBe('Alerts:  3 given up (keyctl alert retry)');
  });

  test('draws nothing but ASCII where there is no more', async () => {
    const lines = await shown(80, { expiring: { count: 0, keys: [] } }, false);
    expect(lines.join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  test('of a new store says what to do, and has no empty panel', async () => {
    const nothing = { requests: 0, credits: 0, denied: {} };
    const lines = await shown(80, {
      ...{
        today: nothing,
        hours: [{ at: NOON, ...nothing }],
        busiest: [],
        tightest: [],
        expiring: { count: 0, keys: [] },
        lastReset: null,
      },
      keys: { active: 0, disabled: 0, expired: 0, deleted: 0 },
      pace: { seconds: 10, requestsPerSecond: 0, creditsPerSecond: 0, keys: [] },
    });
    expect(lines).toContain('Denied: none');
    expect(lines.at(-1)).toBe('There is no active key yet: keyctl create --name prod');
    expect(lines.join('\n')).not.toMatch(/Busiest|Others|Hottest|within 7 days|By hour/);
  });
});

describe('a frame of keyctl status --watch', () => {
  const at = NOON;
  const style = { glyphs: glyphs(true), paint: PLAIN };
  const seen = { rates: [1, 2, 4, 8, 12.5], deniedPerSecond: 0.4 };
  const drawn = async (columns: number, rows: number, trouble: KeyctlError | null = null) =>
    frame({ columns, rows }, { view: await viewOf(), seen, trouble, at, everyMs: 2_000, style });

  test('has the time, how often it looks, how to leave, and the pace of the last looks', async () => {
    const lines = await drawn(80, 40);
    expect(lines[0]).toBe(`keyctl status, every 2 s; q leaves${' '.repeat(23)}2026-11-22 12:00:00 UTC`);
    expect(lines[3]).toBe('Now:     12.5 requests/s, 0.4 denied/s  ▁▂▃▆█');
  });

  test.each([
    [80, 24],
    [200, 50],
    [40, 10],
    [30, 5],
  ])('fits into a window of %i columns and %i lines', async (columns, rows) => {
    const lines = await drawn(columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  test('has in 80 columns and 24 lines what matters most, and counts what has no room', async () => {
    const text = (await drawn(80, 24)).join('\n');
    expect(text).toContain('acme/web');
    expect(text).toContain('globex   standard');
    expect(text).toMatch(/… and \d+ more lines in a taller window *$/);
  });

  test('says what the trouble is, before anything else', async () => {
    const busy = new KeyctlError('store_busy', 'The store is busy.');
    expect((await drawn(80, 24, busy))[1]).toMatch(/^The store is busy\. Trying again\. +$/);
    expect(
      frame(
        { columns: 80, rows: 24 },
        { view: null, seen: { rates: [], deniedPerSecond: null }, trouble: busy, at, everyMs: 1_000, style },
      ),
    ).toHaveLength(2);
  });
});
