import fc from 'fast-check';

// What may happen, in words that mean something in any state: whatever is named by a number is chosen from what there is by then, so
// that a sequence from which steps were taken away is still one, and a failure shrinks to the few steps that matter.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const TIER_NAMES = ['small', 'middle', 'large', 'free', 'extra'] as const;
const SERVICE_NAMES = ['default', 'cheap', 'staging', 'extra', 'nowhere'] as const;

/** Which of the two connections that write. */
const on = fc.constantFrom(0 as const, 1 as const);
const one = fc.nat({ max: 11 });
const tier = fc.constantFrom(...TIER_NAMES);
const service = fc.constantFrom(...SERVICE_NAMES);
const often = <Value, Other>(usual: Value, other: fc.Arbitrary<Other>): fc.Arbitrary<Value | Other> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const question = fc.record({
  who: fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom('secret' as const, 'secret' as const, 'key' as const), which: one }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('account' as const), which: one }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('missing' as const, 'malformed' as const, 'unknown' as const) }) },
  ),
  service: often('default' as const, service),
  environment: often(null, fc.constantFrom('production', 'qa')),
  cost: often(null, fc.constantFrom(0, 1, 100, 250)),
  ip: fc.constantFrom('10.1.2.3', '10.9.9.9', '192.0.2.1', null),
  requestId: often(null, fc.constantFrom('a', 'b', 'c')),
  rule: fc.constantFrom('json' as const, 'header' as const),
  dryRun: fc.nat({ max: 9 }).map((chance) => chance === 0),
  fromShell: fc.boolean(),
});

const services = often([], fc.constantFrom(['default'], ['default', 'cheap'], ['extra'], ['nowhere']));
const allowedIps = often([], fc.constant(['10.0.0.0/8']));
const cap = often(null, fc.constantFrom(0, 150, 300, 1_000));
const expires = often(null, fc.constantFrom(1, 5_000, HOUR, DAY, 40 * DAY));

const clock = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 1_500 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -30_000, max: 90_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('midnight' as const), days: fc.integer({ min: -1, max: 2 }), ms: fc.constantFrom(-1, 0, 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -2 * DAY, max: 2 * DAY }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(9 * DAY, -9 * DAY, 40 * DAY, -40 * DAY, 40 * DAY, -40 * DAY, YEAR, -YEAR, 3 * YEAR, -3 * YEAR),
    }),
  },
);

const keys = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ do: fc.constant('create' as const), on, account: one, name: fc.constantFrom('a', 'b', 'c', 'a~1') },
      ...{ environment: often('production', fc.constant('qa')), expires, services, allowedIps, cap },
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('key' as const), on, key: one },
      act: fc.constantFrom('disable' as const, 'disable-only' as const, 'enable' as const, 'enable' as const, 'delete' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename' as const), on, key: one, name: fc.constantFrom('a', 'b', 'd') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rotate' as const), on, key: one, grace: fc.constantFrom(0, 1_000, HOUR, DAY) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('edit' as const), on, key: one },
      edit: fc.record({ expires, services, allowedIps, cap }, { requiredKeys: [] }),
    }),
  },
);

const accounts = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('account' as const), on, tier }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('suspend' as const), on, account: one, suspended: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ do: fc.constant('tier-set' as const), on, account: one, tier },
      timing: fc.constantFrom('by-credits' as const, 'now' as const, 'at-reset' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ do: fc.constant('credit' as const), on, account: one, days: fc.integer({ min: -1, max: 2 }) },
      amount: fc.integer({ min: -1_500, max: 1_500 }).filter((amount) => amount !== 0),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('refund' as const), on, which: fc.nat({ max: 40 }), byShell: fc.boolean() }) },
);

const catalogue = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('tier-credits' as const), on, tier, now: fc.boolean() },
      credits: fc.constantFrom(0, 100, 300, 1_000, 3_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ do: fc.constant('tier-limit' as const), on, tier, service: often('*', service), burst: fc.integer({ min: 1, max: 4 }) },
      rate: fc.constantFrom('none' as const, 1, 3, 7, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('tier-make' as const, 'tier-delete' as const), on, tier }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ do: fc.constantFrom('service-make' as const, 'service-edit' as const, 'service-delete' as const), on, service },
      ...{ cost: fc.constantFrom(0, 7, 100, 1_000), environment: often(null, fc.constant('qa')) },
    }),
  },
);

const store = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fold' as const), on, inOrder: fc.boolean(), rows: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), on, account: one }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), on }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reset' as const), on, prune: fc.nat({ max: 4 }).map((chance) => chance === 0) }) },
);

export const step = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constant('ask' as const), on, questions: fc.array(question, { minLength: 1, maxLength: 6 }) }),
  },
  { weight: 5, arbitrary: clock },
  { weight: 3, arbitrary: keys },
  { weight: 4, arbitrary: accounts },
  { weight: 2, arbitrary: catalogue },
  { weight: 2, arbitrary: store },
);

export type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
export type Asked = typeof question extends fc.Arbitrary<infer Value> ? Value : never;
