import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import type { WebhookAnswer } from '../../src/domain/webhook-post.ts';
import { alertActs } from '../../src/operations/alert-acts.ts';
import { deliverAlerts } from '../../src/operations/deliver-alerts.ts';
import { checkAlerts, describeOutbox, outboxJson } from '../../src/operations/describe-outbox.ts';
import { noticeAll } from '../../src/operations/notice-alerts.ts';
import { retryAlerts } from '../../src/operations/retry-alerts.ts';
import { setWebhook } from '../../src/operations/set-webhook.ts';
import { ACTOR } from '../harness.ts';
import { addAccount, addKey, requestBy, settleOne, STORE_KINDS } from '../stores/contract.ts';

const NOON = '2026-11-22T12:00:00.000Z';
const MINUTE = 60_000;

describe.each(STORE_KINDS)('what waits for the webhook on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(NOON);
  });

  afterEach(() => opened.cleanUp());

  const set = (changed: Partial<Parameters<typeof setWebhook>[1]>) =>
    setWebhook(opened.store, { allowHttp: false, newSecret: false, ...changed }, ACTOR, randomBytes);
  const seen = () =>
    opened.store.read(async (tx, now) => {
      const outbox = await describeOutbox(tx, now);
      return { json: outbox === null ? null : outboxJson(outbox), check: await checkAlerts(tx, now) };
    });
  const deliver = (answer: WebhookAnswer) =>
    deliverAlerts({
      acts: alertActs(opened.store, randomBytes),
      post: () => Promise.resolve(answer),
      signal: new AbortController().signal,
    });

  /** A customer has spent nine tenths: two messages. */
  async function spend(): Promise<void> {
    await opened.store.write((tx) => tx.tiers.insert('small', 1_000, 0));
    const account = await addAccount(opened.store, 'acme', 'small');
    await settleOne(opened.store, requestBy(await addKey(opened.store, account), { cost: 900 }));
    await noticeAll(opened.store, randomBytes);
  }

  test('is null without a webhook, and nothing where it takes everything', async () => {
    expect(await seen()).toMatchObject({ json: null, check: { severity: 'ok', message: 'There is no webhook.' } });
    await set({ url: 'https://example.test/' });
    await spend();
    await deliver({ kind: 'answered', status: 204, retryAfter: null, text: '' });
    expect((await seen()).json).toEqual({ on: true, waiting: 0, givenUp: 0, oldestAt: null, lastResult: null, failing: false });
  });

  test('is told with the last answer at once, and is a warning after half an hour', async () => {
    await set({ url: 'https://example.test/' });
    await spend();
    await deliver({ kind: 'failed', reason: 'connection refused' });
    const first = await seen();
    expect(first.json).toEqual({ on: true, waiting: 2, givenUp: 0, oldestAt: NOON, lastResult: 'connection refused', failing: false });
    expect(first.check.severity).toBe('ok');
    opened.clock.now += 30 * MINUTE + 1;
    const later = await seen();
    expect(later.json).toMatchObject({ failing: true });
    expect(later.check).toMatchObject({
      ...{ id: 'alerts', severity: 'warning' },
      message:
        'The webhook does not take its messages: 2 messages waiting, the oldest for 30 minutes; the last answer was: connection refused.',
      hint: expect.stringContaining('keyctl alert test'),
    });
    opened.clock.now += 5 * MS_PER_HOUR;
    expect((await seen()).check.message).toContain('the oldest for 5 hours');
  });

  test('is a warning where messages were given up, until they are sent again', async () => {
    await set({ url: 'https://example.test/' });
    await spend();
    await deliver({ kind: 'answered', status: 410, retryAfter: null, text: '' });
    const { json, check } = await seen();
    expect(json).toEqual({ on: true, waiting: 0, givenUp: 2, oldestAt: null, lastResult: null, failing: true });
    expect(check).toMatchObject({ severity: 'warning', message: expect.stringContaining('2 messages given up') });
    expect(check.hint).toContain('keyctl alert retry');
    await retryAlerts(opened.store, null, ACTOR);
    expect((await seen()).check.severity).toBe('ok');
  });

  test('is no failure while it is switched off', async () => {
    await set({ url: 'https://example.test/' });
    await spend();
    await set({ on: false });
    opened.clock.now += MS_PER_HOUR;
    const { json, check } = await seen();
    expect(json).toMatchObject({ on: false, waiting: 2, failing: false });
    expect(check).toMatchObject({ severity: 'ok', message: 'The webhook is switched off.' });
  });
});
