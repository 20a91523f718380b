import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { WebhookAnswer, WebhookRequest } from '../../src/domain/webhook-post.ts';
import { MS_PER_DAY } from '../../src/domain/utc-day.ts';
import { alertActs } from '../../src/operations/alert-acts.ts';
import { deliverAlerts } from '../../src/operations/deliver-alerts.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { noticeAlerts, noticeAll } from '../../src/operations/notice-alerts.ts';
import { refundDebits } from '../../src/operations/refund-debit.ts';
import { retryAlerts } from '../../src/operations/retry-alerts.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { setWebhook } from '../../src/operations/set-webhook.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from '../stores/contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';

interface Told {
  readonly type: string;
  readonly data: {
    readonly account: { readonly name: string };
    readonly key?: { readonly name: string };
    readonly day?: string;
    readonly threshold?: number;
    readonly spent?: number;
  };
}

describe.each(STORE_KINDS)('alerts on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;
  let sent: WebhookRequest[];
  let answer: WebhookAnswer;

  beforeEach(async () => {
    opened = await kind.open(NOON);
    sent = [];
    answer = { kind: 'answered', status: 204, retryAfter: null, text: '' };
    await opened.store.write((tx) => tx.tiers.insert('small', 1_000, 0));
    await set({ url: 'https://example.test/' });
  });

  afterEach(() => opened.cleanUp());

  const set = (changed: Partial<Parameters<typeof setWebhook>[1]>) =>
    setWebhook(opened.store, { allowHttp: false, newSecret: false, ...changed }, ACTOR, randomBytes);

  async function customer(name: string): Promise<{ ref: number; spend: (credits: number) => Promise<string> }> {
    const account = await addAccount(opened.store, name, 'small');
    const key = await addKey(opened.store, account);
    return { ref: account.ref, spend: async (cost) => (await settleOne(opened.store, requestBy(key, { cost }))).code };
  }

  /** What a look and a delivery tell, as `<account> <percent> <day>` or `<account>/<key>`. */
  async function told(): Promise<readonly string[]> {
    await noticeAll(opened.store, randomBytes);
    const before = sent.length;
    const post = (request: WebhookRequest): Promise<WebhookAnswer> => {
      sent.push(request);
      return Promise.resolve(answer);
    };
    await deliverAlerts({ acts: alertActs(opened.store, randomBytes), post, signal: new AbortController().signal });
    return sent.slice(before).map(({ body }) => {
      const { data } = JSON.parse(body) as Told;
      return data.key === undefined
        ? `${data.account.name} ${String(data.threshold)} ${String(data.day)}`
        : `${data.account.name}/${data.key.name}`;
    });
  }

  test('each threshold is told of once a day, those that were reached at once one by one', async () => {
    const acme = await customer('acme');
    await acme.spend(749);
    expect(await told()).toEqual([]);
    await acme.spend(1);
    expect(await told()).toEqual(['acme 75 2026-11-22']);
    await acme.spend(250);
    expect(await told()).toEqual(['acme 90 2026-11-22', 'acme 100 2026-11-22']);
    expect(await told()).toEqual([]);
    opened.clock.now += MS_PER_DAY;
    expect(await told()).toEqual([]);
    await acme.spend(760);
    expect(await told()).toEqual(['acme 75 2026-11-23']);
  });

  test('any number of processes may look: one message', async () => {
    const acme = await customer('acme');
    await acme.spend(800);
    await Promise.all([1, 2, 3].map(() => noticeAlerts(opened.store, { after: 0, since: null, expiries: true }, randomBytes)));
    expect(await told()).toEqual(['acme 75 2026-11-22']);
  });

  test('who spends is noticed at once, whoever’s turn it is', async () => {
    const acme = await customer('acme');
    let since = opened.clock.now;
    const look = async () => {
      const noticed = await noticeAlerts(opened.store, { after: 1_000_000, since, expiries: false }, randomBytes);
      since = noticed.at;
      return noticed;
    };
    await acme.spend(800);
    opened.clock.now += 1_000;
    expect(await look()).toMatchObject({ messages: 1, after: 0 });
    opened.clock.now += 2_000;
    expect(await look()).toMatchObject({ messages: 0 });
    // What no request led to waits for its turn.
    opened.clock.now += 60_000;
    await giveCredit(opened.store, { account: 'acme', amount: -200, day: undefined, reason: 'less' }, ACTOR, randomBytes);
    expect(await look()).toMatchObject({ messages: 0 });
    expect(await told()).toEqual(['acme 75 2026-11-22', 'acme 90 2026-11-22', 'acme 100 2026-11-22']);
  });

  test('what was spent in the last moment of a day is told of after it, though the next day has begun', async () => {
    opened.clock.now = Date.parse('2026-11-22T23:59:59.999Z');
    const acme = await customer('acme');
    await acme.spend(900);
    opened.clock.now += 1;
    await acme.spend(760);
    expect([...(await told())].sort()).toEqual(['acme 75 2026-11-22', 'acme 75 2026-11-23', 'acme 90 2026-11-22']);
    opened.clock.now += 2 * MS_PER_DAY;
    expect(await told()).toEqual([]);
  });

  test('more credits, or a higher tier, make those that it is below again new; a refund does not', async () => {
    const { store } = opened;
    const acme = await customer('acme');
    await acme.spend(900);
    await acme.spend(100);
    expect(await told()).toHaveLength(3);
    const [last] = await store.read((tx) => tx.debits.page({}, null, 1));
    await refundDebits(store, [last?.number ?? 0]);
    await acme.spend(100);
    expect(await told()).toEqual([]);
    const more = { account: 'acme', amount: 200, day: undefined, reason: 'more' };
    await giveCredit(store, more, ACTOR, randomBytes);
    // 1,000 of 1,200 are still more than 75 %.
    expect(await told()).toEqual([]);
    await acme.spend(200);
    expect(await told()).toEqual(['acme 90 2026-11-22', 'acme 100 2026-11-22']);
    await setTier(store, { tier: 'free', account: 'acme', timing: 'now' }, ACTOR);
    await acme.spend(80_000);
    expect(await told()).toEqual(['acme 75 2026-11-22']);
  });

  test('credits that are taken, and a lower tier, reach thresholds as well', async () => {
    const acme = await customer('acme');
    await acme.spend(700);
    await giveCredit(opened.store, { account: 'acme', amount: -100, day: undefined, reason: 'less' }, ACTOR, randomBytes);
    expect(await told()).toEqual(['acme 75 2026-11-22']);
    await opened.store.write((tx) => tx.tiers.insert('tiny', 10, 0));
    await setTier(opened.store, { tier: 'tiny', account: 'acme', timing: 'now' }, ACTOR);
    expect(await told()).toEqual(['acme 90 2026-11-22', 'acme 100 2026-11-22']);
  });

  test('a key that ends within the time is told of once, and again when its end has changed', async () => {
    const { store } = opened;
    const account = await addAccount(store, 'acme');
    const key = await addKey(store, account, { name: 'ending', expiresAt: Date.parse(NOON) + 14 * MS_PER_DAY });
    await addKey(store, account, { name: 'later', expiresAt: Date.parse(NOON) + 14 * MS_PER_DAY + 1 });
    expect(await told()).toEqual(['acme/ending']);
    expect(await told()).toEqual([]);
    opened.clock.now += 1;
    expect(await told()).toEqual(['acme/later']);
    await store.write((tx) => tx.keys.update(key.ref, { expiresAt: Date.parse(NOON) + MS_PER_DAY }));
    expect(await told()).toEqual(['acme/ending']);
    await set({ expiryMs: null });
    await store.write((tx) => tx.keys.update(key.ref, { expiresAt: Date.parse(NOON) + 2 * MS_PER_DAY }));
    expect(await told()).toEqual([]);
  });

  test('switched off it notices and sends nothing, and days before it is on again are no news', async () => {
    const acme = await customer('acme');
    await set({ on: false });
    await acme.spend(800);
    expect(await told()).toEqual([]);
    opened.clock.now += MS_PER_DAY;
    await set({ on: true });
    expect(await told()).toEqual([]);
    await acme.spend(800);
    expect(await told()).toEqual(['acme 75 2026-11-23']);
  });

  test('a receiver that is down gets it later, with the same id and body, and another timestamp', async () => {
    const acme = await customer('acme');
    await acme.spend(800);
    answer = { kind: 'failed', reason: 'connection refused' };
    expect(await told()).toHaveLength(1);
    expect(await told()).toEqual([]);
    opened.clock.now += 10_000;
    answer = { kind: 'answered', status: 200, retryAfter: null, text: '' };
    expect(await told()).toEqual(['acme 75 2026-11-22']);
    const [first, second] = sent;
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(Number(second?.headers['webhook-timestamp']) - Number(first?.headers['webhook-timestamp'])).toBe(10);
    opened.clock.now += MS_PER_DAY / 2;
    expect(await told()).toEqual([]);
  });

  test('whoever dies with a message leaves it to others after a minute', async () => {
    const acme = await customer('acme');
    await acme.spend(800);
    await noticeAll(opened.store, randomBytes);
    const acts = alertActs(opened.store, randomBytes);
    expect(await acts.claimAlerts()).toHaveLength(1);
    opened.clock.now += 59_999;
    expect(await acts.claimAlerts()).toEqual([]);
    opened.clock.now += 1;
    expect(await told()).toEqual(['acme 75 2026-11-22']);
  });

  test('what was given up is sent again when somebody asks for it', async () => {
    const acme = await customer('acme');
    await acme.spend(800);
    answer = { kind: 'answered', status: 410, retryAfter: null, text: '' };
    expect(await told()).toHaveLength(1);
    expect(await retryAlerts(opened.store, null, ACTOR)).toBe(1);
    answer = { kind: 'answered', status: 204, retryAfter: null, text: '' };
    expect(await told()).toEqual(['acme 75 2026-11-22']);
    expect(await retryAlerts(opened.store, null, ACTOR)).toBe(0);
    await expect(retryAlerts(opened.store, 'alert_none', ACTOR)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a new secret signs beside the one before for a day, and the trail has neither', async () => {
    const { secret: renewed } = await set({ newSecret: true });
    const acme = await customer('acme');
    await acme.spend(800);
    await told();
    expect(sent[0]?.headers['webhook-signature']?.split(' ')).toHaveLength(2);
    opened.clock.now += MS_PER_DAY;
    await acme.spend(800);
    await told();
    expect(sent.at(-1)?.headers['webhook-signature']?.split(' ')).toHaveLength(1);
    const trail = JSON.stringify(await opened.store.read((tx) => tx.audit.page({ action: 'alert' }, null, 100)));
    expect(trail).toContain('alert.set');
    expect(trail).not.toContain(renewed?.slice(10));
    expect(JSON.stringify(sent.map(({ body }) => body))).not.toContain('whsec_');
  });
});
