import { describe, expect, test } from '@jest/globals';
import { afterAttempt, MOST_ATTEMPTS } from '../../src/domain/alert-retries.ts';
import type { Alert } from '../../src/domain/alerts.ts';
import { MS_PER_DAY, MS_PER_HOUR } from '../../src/domain/utc-day.ts';
import type { WebhookAnswer } from '../../src/domain/webhook-post.ts';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');
const REFUSED: WebhookAnswer = { kind: 'failed', reason: 'connection refused' };

function answered(status: number, retryAfter: string | null = null): WebhookAnswer {
  return { kind: 'answered', status, retryAfter, text: '' };
}

function alertAfter(attempts: number, at = NOW): Alert {
  const told = { id: 'alert_1', type: 'credits.threshold_reached' as const, at, body: '{}' };
  return { ...told, number: 1, status: 'waiting', attempts, dueAt: NOW, lastAt: NOW, lastResult: null, endedAt: null };
}

/** Chance in the middle, so that waits are what they are on average. */
const MIDDLE = (): Uint8Array => Uint8Array.of(127);

function outcome(answer: WebhookAnswer, attempts = 1, at = NOW, chance = MIDDLE) {
  return afterAttempt(alertAfter(attempts, at), answer, NOW, chance);
}

describe('what becomes of a message after an attempt', () => {
  test.each([200, 201, 204, 299])('%i: it is delivered', (status) => {
    expect(outcome(answered(status))).toEqual({ status: 'delivered', at: NOW, result: `HTTP ${String(status)}` });
  });

  test.each([199, 300, 400, 401, 404, 429, 500, 503])('%i: it waits', (status) => {
    expect(outcome(answered(status))).toMatchObject({ status: 'waiting' });
  });

  test('410: it is given up, whatever the attempt', () => {
    expect(outcome(answered(410))).toEqual({ status: 'given-up', at: NOW, result: 'HTTP 410' });
  });

  test('a redirect says why it is none', () => {
    expect(outcome(answered(302)).result).toBe('HTTP 302, redirects are not followed');
  });

  test('the waits grow, to eight hours', () => {
    const minutes = Array.from({ length: MOST_ATTEMPTS - 1 }, (_, index) => {
      const after = outcome(REFUSED, index + 1);
      return after.status === 'waiting' ? Math.round((after.dueAt - NOW) / 6_000) / 10 : null;
    });
    expect(minutes.slice(0, 9)).toEqual([0.1, 0.5, 2, 10, 30, 60, 119.9, 239.8, 479.6]);
    expect(minutes.slice(9)).toEqual(minutes.slice(9).map(() => 479.6));
  });

  test('the last attempt gives it up, after two and a half days or so', () => {
    expect(outcome(REFUSED, MOST_ATTEMPTS)).toEqual({ status: 'given-up', at: NOW, result: 'connection refused' });
    let waited = 0;
    for (let attempts = 1; attempts < MOST_ATTEMPTS; attempts += 1) {
      const after = outcome(REFUSED, attempts);
      if (after.status === 'waiting') waited += after.dueAt - NOW;
    }
    expect(waited / MS_PER_DAY).toBeGreaterThan(2);
    expect(waited / MS_PER_DAY).toBeLessThan(3);
  });

  test('one that is a week old is given up too, but not before it was tried three times', () => {
    const week = NOW - 7 * MS_PER_DAY - 1;
    expect([1, 2, 3].map((attempts) => outcome(REFUSED, attempts, week).status)).toEqual(['waiting', 'waiting', 'given-up']);
    expect(outcome(answered(204), 9, week).status).toBe('delivered');
  });

  test('waits differ by up to a fifth', () => {
    const wait = (byte: number): number => {
      const after = outcome(REFUSED, 6, NOW, () => Uint8Array.of(byte));
      return after.status === 'waiting' ? after.dueAt - NOW : 0;
    };
    expect([wait(0), wait(255)]).toEqual([0.8 * MS_PER_HOUR, 1.2 * MS_PER_HOUR]);
  });

  test('Retry-After is heard, up to twelve hours, and never shortens a wait', () => {
    const wait = (retryAfter: string, attempts = 1): number => {
      const after = outcome(answered(503, retryAfter), attempts);
      return after.status === 'waiting' ? after.dueAt - NOW : 0;
    };
    expect(wait('120')).toBe(120_000);
    expect(wait('999999999')).toBe(12 * MS_PER_HOUR);
    expect(wait('1', 6)).toBeGreaterThan(0.9 * MS_PER_HOUR);
    for (const nonsense of ['Wed, 21 Oct 2026 07:28:00 GMT', '-5', '1e9', '']) expect(wait(nonsense)).toBeLessThan(6_000);
  });
});
