import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Served, createAccount, createService, json, type Answer } from './served.ts';

// A client, and a back end that errs, try to get more requests out of ids, refunds and midnight than were paid for.

const DAY = 86_400_000;
const DAILY = 1_000;
const PRICES: Readonly<Record<string, number>> = { default: 100, cheap: 7 };
const BY_PROXY = { requestIdHeader: 'X-Proxy-Id', before: (store: Served['store']) => createService(store, 'cheap', 7) };

let served: Served;

const ask = (apiKey: string, service: string, id: string | null): Promise<Answer> =>
  served.verify(apiKey, `/verify/${service}`, id === null ? {} : { 'X-Proxy-Id': id });
const refund = (debit: string): Promise<Answer> => served.ask(`/v1/debits/${debit}/refund`, { method: 'POST' });

type Step =
  | { readonly kind: 'verify'; readonly key: number; readonly service: string; readonly id: string | null }
  | { readonly kind: 'question'; readonly key: number; readonly service: string; readonly id: string | null; readonly cost: number | null }
  | { readonly kind: 'refund'; readonly debit: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'switch'; readonly key: number };

interface Charge {
  readonly id: string;
  readonly account: number;
  readonly cost: number;
  readonly at: number;
  refunded: boolean;
}

interface Remembered {
  readonly key: number;
  readonly service: string;
  readonly cost: number;
  readonly charge: Charge;
  readonly expires: number;
  replays: number;
}

/** Section 5 of the contract, as short as it can be said: what each step is answered, and what it costs. */
class Rules {
  readonly charges: Charge[] = [];
  readonly #ids = new Map<string, Remembered>();
  readonly #disabled = new Set<number>();

  /** Keys 0 and 1 are of one account, 2 of another. */
  static accountOf(key: number): number {
    return key === 2 ? 1 : 0;
  }

  spent(account: number, day: number): number {
    const counted = this.charges.filter((charge) => charge.account === account && Math.floor(charge.at / DAY) === day && !charge.refunded);
    return counted.reduce((sum, { cost }) => sum + cost, 0);
  }

  switch(key: number): boolean {
    if (!this.#disabled.delete(key)) this.#disabled.add(key);
    return this.#disabled.has(key);
  }

  /** The code, and for an admission what it consumes; `debit` is the id that the answer names. */
  ask(
    step: Step & { kind: 'verify' | 'question' },
    now: number,
    debit: string,
  ): { code: string; consumed: number; replays: Charge | null } {
    const { key, service, id } = step;
    const account = Rules.accountOf(key);
    const cost = (step.kind === 'question' ? step.cost : null) ?? PRICES[service] ?? 0;
    const denied = (code: string) => ({ code, consumed: 0, replays: null });
    if (this.#disabled.has(key)) return denied('api_key_disabled');
    const name = `${String(account)} ${String(id)}`;
    const known = id === null ? undefined : this.#ids.get(name);
    if (known !== undefined && known.expires > now) {
      const same = known.key === key && known.service === service && known.cost === cost;
      if (!same || known.charge.refunded || known.replays === 0) return denied('request_id_conflict');
      known.replays -= 1;
      return { code: 'ok', consumed: 0, replays: known.charge };
    }
    if (cost > DAILY - this.spent(account, Math.floor(now / DAY))) return denied('insufficient_credits');
    const charge = { id: debit, account, cost, at: now, refunded: false };
    this.charges.push(charge);
    const [window, replays] = step.kind === 'verify' ? [60_000, 3] : [DAY, Infinity];
    if (id !== null) this.#ids.set(name, { key, service, cost, charge, expires: now + window, replays });
    return { code: 'ok', consumed: cost, replays: null };
  }

  refund(charge: Charge, now: number): number {
    if (!charge.refunded && now - charge.at > DAY) return 409;
    charge.refunded = true;
    return 200;
  }
}

const key = fc.integer({ min: 0, max: 2 });
const service = fc.constantFrom('default', 'default', 'cheap');
const id = fc.constantFrom('a', 'a', 'b', null);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('verify' as const), key, service, id }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('question' as const), key, service, id, cost: fc.constantFrom(null, 100, 0, 450) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), debit: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 59_999, 60_000, DAY / 4, DAY - 1, DAY) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('switch' as const), key }) },
);

describe('whatever is asked, repeated, refunded and waited for', () => {
  beforeAll(async () => {
    served = await Served.start(BY_PROXY);
  });

  afterAll(() => served.end());

  let runs = 0;

  test('is answered and charged as the rules have it, and nothing else is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        runs += 1;
        const names = [0, 1].map((account) => `run-${String(runs)}-${String(account)}`);
        const refs = [await createAccount(served.store, names[0] ?? '', DAILY), await createAccount(served.store, names[1] ?? '', DAILY)];
        const keys = [];
        for (const which of [0, 1, 2]) keys.push(await served.key({ accountRef: refs[Rules.accountOf(which)] ?? 0 }));
        const rules = new Rules();
        for (const one of steps) await take(one, rules, keys);
        for (const { account, at } of rules.charges) {
          const day = Math.floor(at / DAY);
          const books = (await served.store.read((tx) => tx.credits.balances(refs, day))).get(refs[account] ?? 0);
          expect(books?.spent).toBe(rules.spent(account, day));
        }
        const debits = (await served.debits()).filter(({ account }) => names.includes(account));
        expect(debits.map(({ refundedAt }) => refundedAt !== null).reverse()).toEqual(rules.charges.map(({ refunded }) => refunded));
      }),
      { numRuns: 60 },
    );
  });

  async function take(one: Step, rules: Rules, keys: readonly Awaited<ReturnType<Served['key']>>[]): Promise<void> {
    const { now } = served.clock;
    if (one.kind === 'wait') served.clock.now += one.ms;
    else if (one.kind === 'switch') {
      const disabledAt = rules.switch(one.key) ? now : null;
      await served.store.write((tx) => tx.keys.update(keys[one.key]?.key.ref ?? 0, { disabledAt }));
    } else if (one.kind === 'refund') {
      const charge = rules.charges[one.debit];
      if (charge !== undefined) expect((await refund(charge.id)).status).toBe(rules.refund(charge, now));
    } else {
      const apiKey = keys[one.key]?.apiKey ?? '';
      const price = one.kind === 'question' && one.cost !== null ? { cost: one.cost } : {};
      const named = one.id === null ? {} : { requestId: one.id };
      const answer =
        one.kind === 'verify'
          ? await ask(apiKey, one.service, one.id)
          : await served.question({ apiKey, service: one.service, ...price, ...named });
      const debit = String(answer.headers['x-keyctl-debit-id']);
      const { code, consumed, replays } = rules.ask(one, now, debit);
      expect([answer.headers['x-keyctl-code'], answer.headers['x-credits-consumed']]).toEqual([code, String(consumed)]);
      if (replays !== null) expect(debit).toBe(replays.id);
    }
  }
});

describe('a request id', () => {
  afterEach(() => served.end());

  async function serve(): Promise<{ apiKey: string; ref: number; keyRef: number }> {
    served = await Served.start(BY_PROXY);
    const ref = await createAccount(served.store, 'acme', DAILY);
    const { apiKey, key: made } = await served.key({ accountRef: ref });
    return { apiKey, ref, keyRef: made.ref };
  }

  test('charged before midnight is not charged again after it, in either day, and takes nothing from the new one', async () => {
    const { apiKey } = await serve();
    served.clock.now = Math.floor(served.clock.now / DAY) * DAY + DAY - 1;
    const first = await ask(apiKey, 'default', 'r');
    served.clock.now += 1;
    const again = await ask(apiKey, 'default', 'r');
    expect(again.headers).toMatchObject({
      'x-keyctl-debit-id': first.headers['x-keyctl-debit-id'],
      'x-credits-consumed': '0',
      'x-credits-available': String(DAILY),
    });
    expect((await refund(String(first.headers['x-keyctl-debit-id']))).headers['x-credits-available']).toBe(String(DAILY));
    expect((await ask(apiKey, 'default', 'r')).status).toBe(409);
    expect(await served.spent('acme')).toBe(0);
  });

  test('is repeated though nothing is left: it is paid; a new one is not', async () => {
    const { apiKey } = await serve();
    for (let paid = 0; paid < 9; paid += 1) await ask(apiKey, 'default', null);
    expect((await ask(apiKey, 'default', 'last')).status).toBe(200);
    expect((await ask(apiKey, 'default', 'last')).status).toBe(200);
    expect((await ask(apiKey, 'default', 'another')).status).toBe(402);
    expect(await served.spent('acme')).toBe(DAILY);
  });

  test('does not keep a price that the operator has changed', async () => {
    const { apiKey } = await serve();
    expect((await ask(apiKey, 'cheap', 'r')).status).toBe(200);
    await served.store.write(async (tx) => {
      const cheap = (await tx.catalogue.services()).find(({ name }) => name === 'cheap');
      await tx.catalogue.updateService(cheap?.ref ?? 0, { cost: 70 });
    });
    expect((await ask(apiKey, 'cheap', 'r')).status).toBe(409);
    served.clock.now += 60_000;
    expect((await ask(apiKey, 'cheap', 'r')).headers['x-credits-consumed']).toBe('70');
  });

  test('of the header has three repetitions for all who repeat it, trusted callers too', async () => {
    const { apiKey } = await serve();
    const question = async (): Promise<unknown> => json(await served.question({ apiKey, requestId: 'r' }))['code'];
    expect((await ask(apiKey, 'default', 'r')).status).toBe(200);
    expect([await question(), (await ask(apiKey, 'default', 'r')).status, await question()]).toEqual(['ok', 200, 'ok']);
    expect([await question(), (await ask(apiKey, 'default', 'r')).status]).toEqual(['request_id_conflict', 409]);
  });

  test('is not taken by a dry run, nor are its repetitions', async () => {
    const { apiKey } = await serve();
    const dry = async (): Promise<Record<string, unknown>> => json(await served.question({ apiKey, requestId: 'r', dryRun: true }));
    expect(await dry()).toMatchObject({ code: 'ok', replayed: false, debitId: null });
    expect((await ask(apiKey, 'default', 'r')).headers['x-credits-consumed']).toBe('100');
    for (let time = 0; time < 5; time += 1) expect(await dry()).toMatchObject({ code: 'ok', replayed: true });
    for (let time = 0; time < 3; time += 1) expect((await ask(apiKey, 'default', 'r')).headers['x-credits-consumed']).toBe('0');
    expect(await dry()).toMatchObject({ code: 'request_id_conflict' });
  });

  test.each([
    ['account_suspended', (ref: number) => served.store.write((tx, now) => tx.accounts.update(ref, { suspendedAt: now }))],
    ['api_key_expired', (_: number, keyRef: number) => served.store.write((tx, now) => tx.keys.update(keyRef, { expiresAt: now }))],
    ['invalid_api_key', (_: number, keyRef: number) => served.store.write((tx, now) => tx.keys.update(keyRef, { deletedAt: now }))],
    [
      'ip_not_allowed',
      (_: number, keyRef: number) => served.store.write((tx) => tx.keys.update(keyRef, { allowedIps: ['203.0.113.1/32'] })),
    ],
    ['service_not_allowed', (_: number, keyRef: number) => served.store.write((tx) => tx.keys.update(keyRef, { services: ['cheap'] }))],
  ] as const)('opens no door that was shut meanwhile: %s', async (code, shut) => {
    const { apiKey, ref, keyRef } = await serve();
    expect((await ask(apiKey, 'default', 'r')).headers['x-keyctl-code']).toBe('ok');
    await shut(ref, keyRef);
    expect((await ask(apiKey, 'default', 'r')).headers['x-keyctl-code']).toBe(code);
    expect(json(await served.question({ apiKey, requestId: 'r', ip: '127.0.0.1' }))).toMatchObject({ code });
  });
});
