import { afterEach, describe, expect, test } from '@jest/globals';
import { debitId, parseDebitId } from '../../src/domain/debit.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { debit as debitSchema, problem } from '../../src/http/schemas.ts';
import { refundDebit, refundDebits } from '../../src/operations/refund-debit.ts';
import { ACTOR } from '../harness.ts';
import { RefundQueue } from '../../src/http/refund-queue.ts';
import { Served, createAccount, gate, json, replaced, settled, type Answer, type ServedOptions } from './served.ts';

let served: Served;

async function serve(options?: ServedOptions): Promise<Served> {
  served = await Served.start(options);
  return served;
}

afterEach(() => served.end());

const HOUR = 3_600_000;

function refund(id: string): Promise<Answer> {
  return served.ask(`/v1/debits/${id}/refund`, { method: 'POST' });
}

/** Charges a request and returns the debit's id. */
async function charge(apiKey: string): Promise<string> {
  const answer = await served.verify(apiKey);
  expect(answer.status).toBe(200);
  return String(answer.headers['x-keyctl-debit-id']);
}

function codeOf(error: unknown): unknown {
  return error instanceof KeyctlError ? error.code : error;
}

describe('many refunds at once', () => {
  test('share transactions, and each gets its own answer', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'acme', 100_000);
    const { apiKey } = await served.key({ accountRef });
    const late = await charge(apiKey);
    served.clock.now += 24 * HOUR + 1;
    const ids: string[] = [];
    for (let count = 0; count < 60; count += 1) ids.push(await charge(apiKey));
    let transactions = 0;
    const queue = new RefundQueue((numbers) => {
      transactions += 1;
      return refundDebits(served.store, numbers);
    });
    const asked = [...ids, late, 'deb_1', ...ids.slice(0, 10)];
    const outcomes = await Promise.allSettled(asked.map((id) => queue.submit(parseDebitId(id) ?? 0)));
    const told = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.debit.refundedAt : codeOf(outcome.reason)));
    const given = served.clock.now;
    expect(told).toEqual([...ids.map(() => given), 'refund_window_closed', 'not_found', ...ids.slice(0, 10).map(() => given)]);
    expect(transactions).toBe(2);
    expect(await served.spent('acme')).toBe(0);
  });

  test('that fail together are 503, and can be repeated', async () => {
    let broken = true;
    await serve({
      behind: (store) => replaced(store, { write: (act) => (broken ? Promise.reject(new Error('disk')) : store.write(act)) }),
    });
    const { apiKey } = await served.key();
    const ids = [await charge(apiKey), await charge(apiKey)];
    expect((await Promise.all(ids.map(refund))).map(({ status }) => status)).toEqual([503, 503]);
    broken = false;
    expect((await Promise.all(ids.map(refund))).map(({ status }) => status)).toEqual([200, 200]);
    expect(await served.spent()).toBe(0);
  });

  test('wait in a bounded number, 64 of them in a transaction and one transaction at a time', async () => {
    const { opened, open } = gate();
    const sizes: number[] = [];
    const queue = new RefundQueue(async (numbers) => {
      sizes.push(numbers.length);
      await opened;
      return numbers.map(() => ({ debit: null, code: 'not_found', message: 'none' }));
    });
    const codes: unknown[] = [];
    const told = Array.from({ length: 4_097 }, (_, number) => queue.submit(number).catch((error: unknown) => codes.push(codeOf(error))));
    await settled(() => codes.length > 0);
    expect(codes).toEqual(['store_busy']);
    await settled(() => sizes.length > 0);
    expect(sizes).toEqual([64]);
    open();
    await Promise.all(told);
    expect(codes).toHaveLength(4_097);
    expect(new Set(sizes)).toEqual(new Set([64]));
  });
});

describe('a refund over HTTP', () => {
  test('gives the credits back, once, and answers the same again', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    const id = await charge(apiKey);
    served.clock.now += HOUR;
    const answer = await refund(id);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'x-keyctl-account': 'default',
      'x-keyctl-key-id': key.id,
      'x-keyctl-environment': 'production',
      'x-keyctl-tier': 'free',
      'x-keyctl-debit-id': id,
      'x-credits-consumed': '0',
      'x-credits-available': '100000',
      'ratelimit-policy': '"daily";q=1000;w=86400',
      ratelimit: '"daily";r=1000;t=39600',
    });
    const told = debitSchema.parse(json(answer));
    expect(told).toEqual({
      id,
      at: '2026-11-22T12:00:00.000Z',
      account: 'default',
      key: key.id,
      keyName: key.name,
      service: 'default',
      cost: 100,
      balanceAfter: 99_900,
      requestId: null,
      refundedAt: '2026-11-22T13:00:00.000Z',
    });
    served.clock.now += HOUR;
    expect(json(await refund(id))).toEqual(told);
    expect(await served.spent()).toBe(0);
    expect((await served.verify(apiKey)).headers['x-credits-available']).toBe('99900');
  });

  test('sent many times at once gives back once', async () => {
    await serve();
    const { apiKey } = await served.key();
    const id = await charge(apiKey);
    await charge(apiKey);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(id)));
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(await served.spent()).toBe(100);
  });

  test('corrects usage, folded already or not, and the cap of the key', async () => {
    await serve();
    const { apiKey, key } = await served.key({ dailyCap: 200 });
    const early = await charge(apiKey);
    await served.second();
    const late = await charge(apiKey);
    expect((await served.verify(apiKey)).status).toBe(402);
    expect((await refund(early)).headers).toMatchObject({ 'x-credits-available': '100', 'x-keyctl-limited-by': 'key' });
    expect((await refund(late)).headers['x-credits-available']).toBe('200');
    const usage = await served.store.read((tx) => tx.usage.ofKeys([key.ref], Math.floor(served.clock.now / 86_400_000)));
    expect(usage.get(key.ref)).toMatchObject({ requests: 2, credits: 0 });
    expect((await served.verify(apiKey)).headers).toMatchObject({ 'x-keyctl-code': 'ok', 'x-credits-available': '100' });
  });

  test('belongs to the day of the debit and adds nothing to another', async () => {
    await serve();
    const accountRef = await createAccount(served.store, 'daily', 100);
    const { apiKey } = await served.key({ accountRef });
    const id = await charge(apiKey);
    served.clock.now += 12 * HOUR;
    await charge(apiKey);
    const answer = await refund(id);
    expect(answer.status).toBe(200);
    // What is left is of today, where the refund does not belong.
    expect(answer.headers).toMatchObject({ 'x-credits-available': '0', ratelimit: '"daily";r=0;t=86400' });
    expect((await served.verify(apiKey)).status).toBe(402);
    const yesterday = Math.floor(served.clock.now / 86_400_000) - 1;
    expect((await served.store.read((tx) => tx.credits.balances([accountRef], yesterday))).get(accountRef)).toMatchObject({ spent: 0 });
  });

  test('makes a conflict of the request id that the debit had: it is no way to a free request', async () => {
    await serve();
    const { apiKey } = await served.key();
    const { debitId: id } = json(await served.question({ apiKey, requestId: 'order' }));
    await refund(String(id));
    expect(json(await served.question({ apiKey, requestId: 'order' }))).toMatchObject({ code: 'request_id_conflict' });
  });

  test('is open for 24 hours, and a debit that was refunded in time stays so', async () => {
    await serve();
    const { apiKey } = await served.key();
    const [onTime, late] = [await charge(apiKey), await charge(apiKey)];
    served.clock.now += 24 * HOUR;
    expect((await refund(onTime)).status).toBe(200);
    served.clock.now += 1;
    const answer = await refund(late);
    expect(answer.status).toBe(409);
    expect(problem.parse(json(answer))).toMatchObject({ code: 'refund_window_closed', status: 409 });
    expect((await refund(onTime)).status).toBe(200);
  });

  test('of what is no debit is 404', async () => {
    await serve();
    for (const id of ['deb_1', 'deb_zzzzzzzzzzz', 'deb_', 'x', '%2e%2e', 'deb_0x1', 'DEB_1']) {
      const answer = await refund(id);
      expect(answer.status).toBe(404);
      expect(problem.parse(json(answer))).toMatchObject({ code: 'not_found', detail: 'There is no such debit.' });
    }
  });

  test('does not depend on its body and takes no other method', async () => {
    await serve();
    const { apiKey } = await served.key();
    const id = await charge(apiKey);
    const headers = { 'Content-Type': 'application/json' };
    expect((await served.ask(`/v1/debits/${id}/refund`, { method: 'POST', headers, body: '{"any":"thing"}' })).status).toBe(200);
    const answer = await served.ask(`/v1/debits/${id}/refund`);
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });

  test('writes no audit entry: the debit says it', async () => {
    await serve();
    const { apiKey } = await served.key();
    await refund(await charge(apiKey));
    expect(await served.store.read((tx) => tx.audit.page({}, null, 10))).toEqual([]);
  });
});

describe('a refund from the shell', () => {
  test('has no window and is audited once, with its reason', async () => {
    await serve();
    const { apiKey } = await served.key();
    const id = await charge(apiKey);
    const number = (await served.debits())[0]?.number ?? 0;
    served.clock.now += 20 * 24 * HOUR;
    const by = { kind: 'shell', actor: ACTOR, reason: 'it was our fault' } as const;
    expect(await refundDebit(served.store, number, by)).toMatchObject({ alreadyRefunded: false, debit: { refundedAt: served.clock.now } });
    expect(await refundDebit(served.store, number, by)).toMatchObject({ alreadyRefunded: true });
    const entries = await served.store.read((tx) => tx.audit.page({}, null, 10));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      actor: ACTOR,
      action: 'debit.refund',
      targetKind: 'debit',
      targetId: id,
      before: { refundedAt: null },
      after: { refundedAt: '2026-12-12T12:00:00.000Z', cost: 100, reason: 'it was our fault' },
    });
  });

  test('of an unknown debit is not_found', async () => {
    await serve();
    await expect(refundDebit(served.store, 1, { kind: 'http' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(refundDebit(served.store, 1, { kind: 'http' })).rejects.toBeInstanceOf(KeyctlError);
    expect(debitId(1)).toBe('deb_1');
  });

  test('never lowers a cap below zero that was set after the debit', async () => {
    await serve();
    const { apiKey, key } = await served.key();
    const id = await charge(apiKey);
    await served.store.write((tx) => tx.keys.update(key.ref, { dailyCap: 1_000 }));
    await served.question({ apiKey, cost: 30 });
    expect((await refund(id)).status).toBe(200);
    const day = Math.floor(served.clock.now / 86_400_000);
    expect(await served.store.read((tx) => tx.credits.capSpent(key.capGroup, day))).toBe(0);
  });
});
