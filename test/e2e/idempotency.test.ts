import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findAccount } from '../../src/operations/find-account.ts';
import { createKey, createService } from '../http/served.ts';
import { eventually } from '../system/running.ts';
import { Cluster, atOnce, counts, timesHere } from './cluster.ts';

// Two real servers on one file, and clients that retry whatever happens: one request id, one debit.

const MANY = timesHere(20);

let cluster: Cluster;
let apiKey: string;

beforeEach(async () => {
  cluster = await Cluster.make();
  apiKey = await cluster.customer('acme', 1_000_000);
  await cluster.start(2, ['--request-id-header', 'X-Proxy-Id']);
});

afterEach(() => cluster.end());

const ids = (count: number): string[] => Array.from({ length: count }, (_, place) => `order-${String(place)}`);

describe('one request id from many connections to two servers at once', () => {
  test('in JSON is charged once; every answer names the same debit', async () => {
    const all = await Promise.all(ids(MANY).map((requestId) => atOnce(16, (turn) => cluster.question(turn, { apiKey, requestId }))));
    for (const verdicts of all) {
      expect(counts(verdicts.map(({ code, replayed }) => `${String(code)} ${String(replayed)}`))).toEqual({ 'ok false': 1, 'ok true': 15 });
      expect(new Set(verdicts.map(({ debitId }) => debitId)).size).toBe(1);
    }
    expect(await cluster.credits('acme')).toMatchObject({ spent: 100 * MANY });
    expect(await cluster.installation.debits()).toHaveLength(MANY);
  });

  test('in the header is charged once and passes three times more, wherever it is repeated', async () => {
    const all = await Promise.all(ids(MANY).map((id) => atOnce(16, (turn) => cluster.verify(turn, apiKey, { 'X-Proxy-Id': id }))));
    for (const answers of all) {
      expect(counts(answers.map(({ code, headers }) => `${code} ${String(headers['x-credits-consumed'])}`))).toEqual({
        'ok 100': 1,
        'ok 0': 3,
        'request_id_conflict 0': 12,
      });
    }
    expect(await cluster.credits('acme')).toMatchObject({ spent: 100 * MANY });
  });

  test('with another price, key or service is a conflict, whichever came first', async () => {
    const second = await cluster.prepare(async (store) => {
      await createService(store, 'other', 100);
      const { ref: accountRef } = await store.read((tx) => findAccount(tx, 'acme'));
      return createKey(store, { accountRef });
    });
    const questions = [{ apiKey }, { apiKey: second.apiKey }, { apiKey, service: 'other' }, { apiKey, cost: 7 }];
    const all = await Promise.all(
      ids(MANY).map((requestId) => atOnce(8, (turn) => cluster.question(turn, { ...questions[turn >> 1], requestId }))),
    );
    for (const verdicts of all) {
      expect(counts(verdicts.map(({ code, replayed }) => `${String(code)} ${String(replayed)}`))).toEqual({
        'ok false': 1,
        'ok true': 1,
        'request_id_conflict false': 6,
      });
    }
    expect(await cluster.installation.debits()).toHaveLength(MANY);
  });
});

describe('a client that got no answer', () => {
  /** Sends a question and hangs up as soon as its bytes are gone. */
  function hangUp(turn: number, body: object): Promise<void> {
    const headers = { 'Content-Type': 'application/json' };
    return new Promise((resolve) => {
      const req = request({ host: '127.0.0.1', port: cluster.node(turn).port, path: '/v1/verify', method: 'POST', headers, agent: false });
      req.on('error', () => undefined);
      req.on('close', resolve);
      req.end(JSON.stringify(body), () => req.destroy());
    });
  }

  test('and asks again, at the other server too, is charged once', async () => {
    await Promise.all(
      ids(2 * MANY).map(async (requestId, turn) => {
        await hangUp(turn, { apiKey, requestId });
        const [again, once] = [
          await cluster.question(turn + 1, { apiKey, requestId }),
          await cluster.question(turn, { apiKey, requestId }),
        ];
        expect([again['code'], once['code'], once['replayed']]).toEqual(['ok', 'ok', true]);
      }),
    );
    expect(await cluster.credits('acme')).toMatchObject({ spent: 200 * MANY });
    const debits = await cluster.installation.debits();
    expect(new Set(debits.map(({ requestId }) => requestId)).size).toBe(2 * MANY);
    expect(debits).toHaveLength(2 * MANY);
  });

  test('because the server was killed, is charged once by the one that is left', async () => {
    const answered = new Map<string, unknown>();
    const asked = ids(200).map(async (requestId, turn) => {
      try {
        answered.set(requestId, (await cluster.question(2 * turn, { apiKey, requestId }))['debitId']);
      } catch {
        // No answer: it may have been charged or not.
      }
      if (answered.size === 20) cluster.node(0).process.signal('SIGKILL');
    });
    await Promise.all(asked);
    expect(answered.size).toBeGreaterThan(0);
    for (const requestId of ids(200)) {
      const { code, debitId } = await eventually(async () => {
        const verdict = await cluster.question(1, { apiKey, requestId });
        expect(verdict['code']).toBe('ok');
        return verdict;
      });
      expect([code, debitId]).toEqual(['ok', answered.get(requestId) ?? debitId]);
    }
    const debits = await cluster.installation.debits();
    expect(debits.map(({ requestId }) => requestId).sort()).toEqual(ids(200).sort());
    expect(await cluster.credits('acme')).toMatchObject({ spent: 20_000 });
  });
});

describe('refunds from two servers and a shell at once', () => {
  test('give each debit back once, and tell the same', async () => {
    const answers = await atOnce(24, (turn) => cluster.verify(turn, apiKey));
    const debits = answers.map(({ headers }) => String(headers['x-keyctl-debit-id']));
    const [kept = '', ...given] = debits;
    const shell = given.slice(0, 3).map((id) => cluster.installation.run(['refund', id, '--reason', 'a test']));
    const told = await Promise.all(given.map((id) => atOnce(6, (turn) => cluster.refund(turn, id))));
    await Promise.all(shell);
    for (const answersOfOne of told) {
      expect(counts(answersOfOne.map(({ status }) => status))).toEqual({ 200: 6 });
      expect(new Set(answersOfOne.map(({ body }) => body)).size).toBe(1);
    }
    expect(await cluster.credits('acme')).toMatchObject({ spent: 100 });
    const left = (await cluster.installation.debits()).filter(({ refundedAt }) => refundedAt === null);
    expect(left.map(({ id }) => id)).toEqual([kept]);
    expect(await cluster.json('usage', '--account', 'acme')).toMatchObject({ total: { requests: 24, credits: 100 } });
  });

  test('while the same request is repeated give nothing for free: after the refund it is a conflict', async () => {
    await Promise.all(
      ids(MANY).map(async (requestId, place) => {
        const { debitId } = await cluster.question(place, { apiKey, requestId });
        const [, , ...verdicts] = await Promise.all([
          cluster.refund(place, String(debitId)),
          cluster.refund(place + 1, String(debitId)),
          ...Array.from({ length: 6 }, (_, turn) => cluster.question(turn, { apiKey, requestId })),
        ]);
        for (const { code, replayed } of verdicts)
          expect(['ok true', 'request_id_conflict false']).toContain(`${String(code)} ${String(replayed)}`);
        for (const turn of [0, 1])
          expect(await cluster.question(turn, { apiKey, requestId })).toMatchObject({ code: 'request_id_conflict' });
      }),
    );
    expect(await cluster.credits('acme')).toMatchObject({ spent: 0 });
    expect(await cluster.installation.debits()).toHaveLength(MANY);
  });
});
