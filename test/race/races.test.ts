import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isUrl } from '../../src/stores/open-store.ts';
import { numbers } from '../crash/crash-loop.ts';
import { Cluster, timesHere } from '../e2e/cluster.ts';
import { proveBooks } from '../proved-books.ts';
import { chargeByShell, race } from './races.ts';

// Six shells and two servers want more than one account has, all at once.

const ROUNDS = Number(process.env['KEYCTL_TEST_ROUNDS'] ?? timesHere(3));
const SEED = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 1e9);
const PATIENCE = 240_000 + ROUNDS * 20_000;

let cluster: Cluster;
let rounds = 0;
const random = numbers(SEED);

beforeAll(async () => {
  cluster = await Cluster.make();
  await cluster.prepare(() => Promise.resolve());
  await cluster.start(2);
});

afterAll(async () => {
  const where = isUrl(cluster.installation.db) ? ' over PostgreSQL' : '';
  process.stdout.write(`races${where}: ${JSON.stringify({ races: rounds, seed: SEED })}\n`);
  await cluster.end();
});

/** A new customer with so many credits, everybody after them, and `beside` while they are. */
async function round(credits: number, beside: (name: string) => Promise<unknown>, refunding = false) {
  rounds += 1;
  const name = `customer-${String(rounds)}`;
  const apiKey = await cluster.customer(name, credits);
  const most = Math.ceil(credits / 100);
  const [spending] = await Promise.all([race(cluster, name, apiKey, { most, refunding }), beside(name)]);
  // Whatever was given back or granted late is spent afterwards.
  const late = await chargeByShell(cluster.installation, name, most);
  spending.admitted += late;
  const books = await cluster.credits(name);
  expect(books['spent']).toBe(100 * (spending.admitted - spending.refunded));
  return { name, spending, books };
}

const someCredits = (): number => 2_000 + random(60_000);
const nothing = (): Promise<void> => Promise.resolve();
const over = Array.from({ length: ROUNDS }, (_, index) => index);

describe.each(over)('round %d', () => {
  test(
    'exactly as many requests are admitted as the account has credits for',
    async () => {
      const credits = someCredits();
      const { spending, books } = await round(credits, nothing);
      expect(spending.admitted).toBe(Math.floor(credits / 100));
      expect(books['remaining']).toBe(credits % 100);
    },
    PATIENCE,
  );

  test(
    'and beside resets, and beside refunds, which are spent again',
    async () => {
      const credits = someCredits();
      const resets = () => Promise.all([cluster.installation.run(['reset']), cluster.installation.run(['reset'])]);
      const { spending } = await round(credits, resets, true);
      expect(spending.admitted - spending.refunded).toBe(Math.floor(credits / 100));
    },
    PATIENCE,
  );

  test(
    'and beside changes of tier: no more than the larger allowance, and nothing below zero',
    async () => {
      const credits = someCredits();
      const { spending, books } = await round(credits, async (name) => {
        await cluster.prepare((store) => store.write((tx) => tx.tiers.insert(`half-of-${name}`, Math.floor(credits / 2), 0)));
        for (const tier of [`half-of-${name}`, `tier-of-${name}`]) {
          await cluster.installation.run(['tier', 'set', tier, '--account', name, '--now']);
        }
      });
      expect(spending.admitted).toBe(Math.floor(credits / 100));
      expect(books).toMatchObject({ granted: credits, remaining: credits % 100 });
    },
    PATIENCE,
  );

  test(
    'and beside a disable: nobody who asks after it returned is admitted, and what was admitted before is what was spent',
    async () => {
      let closed = Number.POSITIVE_INFINITY;
      rounds += 1;
      const name = `customer-${String(rounds)}`;
      const apiKey = await cluster.customer(name, 1e9);
      const asking = Array.from({ length: 16 }, async (_, turn) => {
        let admitted = 0;
        for (;;) {
          const asked = performance.now();
          const { code } = await cluster.verify(turn, apiKey);
          if (code === 'ok' && asked > closed) throw new Error('admitted after the key was disabled');
          if (code !== 'ok') return admitted;
          admitted += 1;
        }
      });
      await cluster.installation.run(['disable', `${name}/main`]);
      closed = performance.now();
      const admitted = (await Promise.all(asking)).reduce((sum, count) => sum + count, 0);
      expect(await cluster.credits(name)).toMatchObject({ spent: 100 * admitted });
    },
    PATIENCE,
  );
});

test('the books of all of them balance', async () => {
  expect((await proveBooks(cluster.installation.db)).faults).toEqual([]);
});
