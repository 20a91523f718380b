import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EXPORTED_KINDS, KEY_KINDS, KINDS } from '../../src/domain/archive.ts';
import { parseDebitId } from '../../src/domain/debit.ts';
import type { Request } from '../../src/domain/decide.ts';
import { presentedKey } from '../../src/domain/presented-key.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { createEnvironment } from '../../src/operations/create-environment.ts';
import { createService } from '../../src/operations/create-service.ts';
import { createTier } from '../../src/operations/create-tier.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { keyForms } from '../../src/operations/key-forms.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { reportUsage } from '../../src/operations/report-usage.ts';
import { reset } from '../../src/operations/reset.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { undoImport } from '../../src/operations/undo-import.ts';
import { ACTOR, runsOf, type TestClock } from '../harness.ts';
import { page, section, tableOf } from '../markdown.ts';
import { addAccount, failureOf, memoryStore } from './account-fixture.ts';
import { comparable, emptyStore, exported, imported } from './archive-fixture.ts';
import { AT_ONCE, importer, importRecords, keysOf } from './import-fixture.ts';
import { DAY, HOUR, makeKey, rotate, words } from './key-fixture.ts';

const NOW = '2026-11-22T12:00:00.000Z';

/** A store in use, and the secrets of its keys. */
class World {
  readonly store: Store;
  readonly clock: TestClock;
  readonly secrets: string[] = [];
  readonly debits: string[] = [];
  #names = 0;

  constructor(store: Store, clock: TestClock) {
    this.store = store;
    this.clock = clock;
  }

  static async begin(): Promise<World> {
    const { store, clock } = await memoryStore(NOW);
    const world = new World(store, clock);
    await createEnvironment(store, { name: 'staging', code: 'stage' }, ACTOR);
    await createService(store, { name: 'search', cost: 250, environment: null }, ACTOR);
    await createTier(store, { name: 'gold', dailyCredits: 7_000, limits: [{ service: 'search', rate: 3, burst: 9 }] }, ACTOR);
    for (const [name, tier] of [
      ['acme', 'gold'],
      ['beta', 'free'],
    ] as const)
      await addAccount(store, name, tier);
    await world.key('acme', {});
    await world.key('beta', { dailyCap: 900 });
    return world;
  }

  name(): string {
    this.#names += 1;
    return `key ${String(this.#names)}`;
  }

  async key(account: string, chosen: Parameters<typeof makeKey>[2]): Promise<void> {
    const { apiKey } = await makeKey(this.store, this.name(), { account, ...chosen });
    this.secrets.push(apiKey);
  }

  /** One request with a key, as a trusted caller asks. */
  async ask(which: number, more: Partial<Request> = {}): Promise<Verdict> {
    const verdict = await ask(this.store, this.secrets[which % this.secrets.length] ?? '', more);
    if (verdict.debitId !== null) this.debits.push(verdict.debitId);
    return verdict;
  }
}

async function ask(store: Store, apiKey: string, more: Partial<Request> = {}): Promise<Verdict> {
  const subject = await store.read(async (tx) => presentedKey(apiKey, await keyForms(tx)));
  const blank = {
    service: 'default',
    environment: null,
    cost: null,
    ip: null,
    requestId: null,
    requestIdRule: 'json',
    dryRun: false,
    fromShell: false,
  };
  const [verdict] = await store.settle([{ ...blank, subject, ...more } as Request]);
  if (verdict === undefined) throw new RangeError('a request without its verdict');
  return verdict;
}

type Act = (world: World) => Promise<unknown>;

/** What does not fit the present state changes nothing, and matters no more than what does. */
const tried =
  (act: Act): Act =>
  (world) =>
    act(world).catch(() => undefined);

const account = fc.constantFrom('default', 'acme', 'beta');
const number = fc.nat({ max: 40 });

const ACT: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(number, fc.constantFrom('default', 'search')).map(
      ([n, service]): Act =>
        (world) =>
          world.ask(n, { service }),
    ),
  },
  number.map(
    (n): Act =>
      (world) =>
        world.ask(n, { requestId: `request-${String(n % 5)}`, requestIdRule: n % 2 === 0 ? 'json' : 'header' }),
  ),
  number.map(
    (n): Act =>
      (world) =>
        world.ask(n, { cost: n * 40, fromShell: true }),
  ),
  account.map(
    (name): Act =>
      (world) =>
        world.key(name, { environment: 'staging', note: 'a note', allowedIps: ['10.0.0.0/8'], services: ['search'] }),
  ),
  number.map((n): Act =>
    tried(({ store, debits }) =>
      refundDebit(store, parseDebitId(debits[n % debits.length] ?? '') ?? 0, { kind: 'shell', actor: ACTOR, reason: 'a test' }),
    ),
  ),
  account.map((name): Act =>
    tried(({ store }) => giveCredit(store, { account: name, amount: 500, day: undefined, reason: 'a test' }, ACTOR, randomBytes)),
  ),
  number.map((n): Act => tried(({ store }) => rotate(store, `key ${String(n % 6)}`, n % 2 === 0 ? 0 : HOUR))),
  number.map((n): Act => tried(({ store }) => deleteKey(store, words(`key ${String(n % 6)}`), ACTOR))),
  number.map((n): Act =>
    tried(({ store }) => disableKeys(store, { references: [words(`key ${String(n % 6)}`)], reason: 'a test', only: false }, ACTOR)),
  ),
  account.map((name): Act => tried(({ store }) => suspendAccount(store, { account: name, suspended: true, reason: null }, ACTOR))),
  fc
    .tuple(account, fc.constantFrom('gold', 'free', 'standard'))
    .map(([name, tier]): Act => tried(({ store }) => setTier(store, { account: name, tier, timing: 'by-credits' }, ACTOR))),
  fc.constantFrom(HOUR, 7 * HOUR, DAY).map((ms): Act => async ({ clock }) => {
    clock.now += ms;
    await Promise.resolve();
  }),
  fc.constant<Act>(({ store }) => reset(store, ACTOR, false, AT_ONCE)),
  fc.constant<Act>(({ store }) => store.write((tx) => tx.usage.fold(3))),
  number.map(
    (n): Act =>
      ({ store }) =>
        importRecords(store, keysOf(`moved-${String(n)}`, 2)).catch(() => undefined),
  ),
);

describe('a whole export', () => {
  test('of any store, put into an empty one, is that store: its lines, its usage, and what everybody is answered next', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ACT, { minLength: 5, maxLength: 40 }), async (acts) => {
        const world = await World.begin();
        for (const act of acts) await act(world);
        const { store, clock, secrets } = world;
        const lines = await exported(store);
        const copy = await emptyStore(clock);
        expect(await imported(copy, lines)).toMatchObject({ holds: 'store', batch: null, problems: [] });
        expect(comparable(await exported(copy))).toEqual(comparable(lines));
        expect(await usageOf(copy, clock)).toEqual(await usageOf(store, clock));
        for (const at of [clock.now, clock.now + DAY]) {
          clock.now = at;
          for (const apiKey of [...secrets, 'moved-1-secret-0']) {
            for (const more of [{}, { requestId: 'request-2' }, { service: 'search', fromShell: true }]) {
              const asked = { ...more, fromShell: true };
              expect(comparableVerdict(await ask(copy, apiKey, asked))).toEqual(comparableVerdict(await ask(store, apiKey, asked)));
            }
          }
          const [one, other] = [await reset(store, ACTOR, true, AT_ONCE), await reset(copy, ACTOR, true, AT_ONCE)];
          expect(other).toEqual(one);
        }
        expect(await usageOf(copy, clock)).toEqual(await usageOf(store, clock));
        await Promise.all([store.close(), copy.close()]);
      }),
      { numRuns: runsOf(25) },
    );
  });

  test('is refused by a store that is in use, by one that was cut short, and by one whose lines do not fit', async () => {
    const { store, clock } = await World.begin();
    const lines = await exported(store);
    expect(await failureOf(imported(store, lines))).toBe('conflict');
    const copy = await emptyStore(clock);
    const before = await exported(copy);
    const last = lines.length;
    expect(await imported(copy, lines.slice(0, -1))).toMatchObject({
      problemCount: 1,
      problems: [{ line: last, message: expect.stringContaining('cut short') }],
    });
    const lacking = lines.filter((_, place) => place !== 5);
    expect(await imported(copy, lacking)).toMatchObject({ problems: [{ line: last - 1, message: expect.stringContaining('missing') }] });
    const wrong = lines.map((line, place) => (line['type'] === 'account' ? { ...line, name: 'ACME', place } : line));
    expect(await imported(copy, wrong)).toMatchObject({ problemCount: 3 });
    const strange = lines.map((line) => (line['type'] === 'key' ? { ...line, account: 'acct_nobody' } : line));
    await expect(imported(copy, strange)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^Line \d+ .*an account/),
    });
    const twice = lines.map((line) => (line['type'] === 'account' ? { ...line, name: 'acme' } : line));
    await expect(imported(copy, twice)).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('does not fit') });
    expect(comparable(await exported(copy))).toEqual(comparable(before));
    expect((await imported(copy, lines, { choice: { dryRun: true, plain: false } })).keys).toBe(2);
    expect(comparable(await exported(copy))).toEqual(comparable(before));
    expect((await imported(copy, lines)).keys).toBe(2);
  });

  test('takes its imports along, so that they can be taken back there', async () => {
    const { store, clock } = await World.begin();
    const { batch } = await importRecords(store, keysOf('moved', 3));
    const copy = await emptyStore(clock);
    await imported(copy, await exported(store));
    expect((await ask(copy, 'moved-secret-1')).code).toBe('ok');
    expect(await undoImport(importer(copy), batch ?? '')).toMatchObject({ keys: 3, keysKept: 1, accountsKept: 1 });
    expect((await ask(copy, 'moved-secret-1')).code).toBe('invalid_api_key');
  });

  test('leaves out what an import that is not done has made', async () => {
    const { store } = await World.begin();
    const before = comparable(await exported(store));
    const steps = {
      ...AT_ONCE,
      run: (step: Parameters<typeof AT_ONCE.run>[0]) => AT_ONCE.run(step).then(() => Promise.reject(new Error('killed'))),
    };
    await expect(importRecords(store, keysOf('moved', 3), { steps })).rejects.toThrow('killed');
    expect(comparable(await exported(store))).toEqual(before);
  });

  test('takes no line that says where alerts go, from whomever it is', async () => {
    const { store, clock } = await World.begin();
    const lines = await exported(store);
    const webhook = {
      ...{ type: 'webhook', url: 'https://example.test/', allowsHttp: false, secret: 'whsec_AAAA', formerSecret: null, formerUntil: null },
      ...{ thresholds: [75], expiryMs: null, since: '2026-11-22' },
    };
    const forged = [...lines.slice(0, -1), webhook, { type: 'end', lines: lines.length - 1 }];
    const copy = await emptyStore(clock);
    expect(await imported(copy, forged)).toMatchObject({ problemCount: 1, problems: [{ message: 'That is no line of an export.' }] });
  });

  test('has the fields that docs/import.md says', () => {
    const rows = tableOf(section(page('docs/import.md'), '## Exports')).map(([type, fields = '']) => [
      type,
      [...fields.replaceAll(/\([^)]*\)/g, '').matchAll(/\b[a-z][A-Za-z0-9]*\b(?=\s*(?:,|;|$))/g)].map(([name]) => name),
    ]);
    const told = Object.fromEntries(rows.map(([type, fields]) => [String(type), (fields as string[]).join()]));
    const spec = Object.fromEntries(EXPORTED_KINDS.map((kind) => [kind, Object.keys(KINDS[kind]).join()]));
    for (const kind of EXPORTED_KINDS)
      expect([...(told[kind] ?? '').split(',')].slice(0, (spec[kind] ?? '').split(',').length).sort()).toEqual(
        (spec[kind] ?? '').split(',').sort(),
      );
    expect(rows.map(([type]) => type)).toEqual(EXPORTED_KINDS);
  });
});

describe('an export of keys', () => {
  test('admits the same keys in a store that has others, with the tiers, services and environments that they need', async () => {
    const world = await World.begin();
    const { store, clock } = world;
    await world.key('acme', { environment: 'staging', services: ['search'], note: 'a note' });
    await rotate(store, 'key 2', HOUR);
    await deleteKey(store, words('key 1'), ACTOR);
    const copy = await emptyStore(clock);
    await addAccount(copy, 'theirs');
    await makeKey(copy, 'own', { account: 'default' });
    const lines = await exported(store, 'keys');
    expect(new Set(lines.slice(1, -1).map(({ type }) => type))).toEqual(new Set(KEY_KINDS));
    const report = await imported(copy, lines);
    expect(report).toMatchObject({ holds: 'keys', keys: 3, accounts: 2, tiers: 1, services: 1, environments: 1, problems: [] });
    expect((await ask(copy, world.secrets[2] ?? '', { service: 'search' })).code).toBe('ok');
    expect(await ask(copy, world.secrets[1] ?? '')).toMatchObject({
      code: 'ok',
      tier: 'free',
      keyName: 'key 2~1',
      credits: { limitedBy: 'key', remaining: 800 },
    });
    expect((await ask(copy, world.secrets[0] ?? '')).code).toBe('invalid_api_key');
    // Once more each of the keys is there.
    expect(await imported(copy, lines)).toMatchObject({ problemCount: 3, problems: [{ field: 'id' }, { field: 'id' }, { field: 'id' }] });
    expect(await undoImport(importer(copy), report.batch ?? '')).toMatchObject({ keys: 3 });
    expect((await ask(copy, world.secrets[2] ?? '', { service: 'search' })).code).toBe('invalid_api_key');
  });

  test('with an environment that has another code there, or cut short, is refused with the line', async () => {
    const { store, clock } = await World.begin();
    const copy = await emptyStore(clock);
    await createEnvironment(copy, { name: 'staging', code: 'stg' }, ACTOR);
    const lines = await exported(store, 'keys');
    expect(await imported(copy, lines)).toMatchObject({ problemCount: 1, problems: [{ line: 5, field: 'code' }] });
    const other = await emptyStore(clock);
    expect(await imported(other, lines.slice(0, -1))).toMatchObject({
      problemCount: 1,
      problems: [{ message: expect.stringContaining('cut short') }],
    });
    expect(
      await imported(
        other,
        lines.filter(({ type }) => type !== 'account'),
      ),
    ).toMatchObject({ problemCount: 3 });
    expect((await exported(other, 'keys')).filter(({ type }) => type === 'key')).toEqual([]);
  });
});

/** Everything that `usage` tells, over all of the time. */
async function usageOf(store: Store, { now }: TestClock): Promise<unknown> {
  const told: unknown[] = [];
  for (const by of ['hour', 'day', 'account', 'key', 'service', 'code'] as const) {
    const period = { since: Date.parse(NOW) - DAY, until: now + DAY, month: undefined, by };
    const { rows, total } = await reportUsage(store, { ...period, account: undefined, key: undefined, service: undefined });
    told.push(rows, total);
  }
  return told;
}

/** Rate limits begin anew, and a debit's number tells at which microsecond it was made in which store. */
function comparableVerdict({ debitId: made, rate: _, ...verdict }: Verdict): unknown {
  return { ...verdict, charged: made !== null, debitId: verdict.replayed ? made : null };
}
