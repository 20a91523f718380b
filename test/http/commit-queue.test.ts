import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { Request } from '../../src/domain/decide.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { anonymousVerdict, type Verdict } from '../../src/domain/verdict.ts';
import { CommitQueue, type CommitQueueDeps } from '../../src/http/commit-queue.ts';
import { gate, settled } from './served.ts';

function request(requestId: string): Request {
  return {
    subject: { kind: 'missing' },
    service: 'default',
    environment: null,
    cost: null,
    ip: null,
    requestId,
    requestIdRule: 'header',
    dryRun: false,
    fromShell: false,
  };
}

/** A queue before a settle of the test's own, with what it did and what it answered. */
function queueOver(
  settle: (requests: readonly Request[]) => Promise<readonly Verdict[]>,
  { stopwatch = () => 0, gather = null }: Partial<Pick<CommitQueueDeps, 'stopwatch' | 'gather'>> = {},
) {
  const batches: number[] = [];
  const failures: unknown[] = [];
  const answers: string[] = [];
  const queue = new CommitQueue({
    settle,
    stopwatch,
    gather,
    events: {
      settled: (size) => batches.push(size),
      failed: (error) => failures.push(error),
    },
  });
  const submit = (id: string): void => {
    queue.submit(request(id), (verdict) => answers.push(`${verdict.code} ${verdict.requestId ?? ''}`));
  };
  return { queue, batches, failures, answers, submit };
}

const admitAll = (requests: readonly Request[]): Promise<readonly Verdict[]> =>
  Promise.resolve(requests.map(({ requestId }) => ({ ...anonymousVerdict('missing_api_key', requestId), code: 'ok', valid: true })));

describe('group commit', () => {
  test('settles what arrives in one turn of the loop together, each answer to its own request', async () => {
    const { queue, batches, answers, submit } = queueOver(admitAll);
    for (const id of ['a', 'b', 'c']) submit(id);
    expect(queue.depth).toBe(3);
    await queue.idle();
    expect(batches).toEqual([3]);
    expect(answers).toEqual(['ok a', 'ok b', 'ok c']);
  });

  /** As callers do who were answered together: two at first, then one with each turn of the loop. */
  async function arriveOneByOne(submit: (id: string) => void, turns: number): Promise<void> {
    submit('first');
    submit('second');
    for (let turn = 0; turn < turns; turn += 1) {
      await turnOfTheLoop();
      submit(String(turn));
    }
  }

  test('waits while each turn of the loop brings more, and begins with the first that brings nothing', async () => {
    const { queue, batches, submit } = queueOver(admitAll);
    await arriveOneByOne(submit, 5);
    expect(batches).toEqual([]);
    await queue.idle();
    expect(batches).toEqual([7]);
  });

  test('waits for eight turns at most, and for none more when it is full', async () => {
    const endless = queueOver(admitAll);
    await arriveOneByOne(endless.submit, 20);
    expect(endless.batches[0]).toBe(9);
    await endless.queue.idle();
    const full = queueOver(admitAll);
    for (let place = 0; place < 512; place += 1) full.submit(String(place));
    await turnOfTheLoop();
    expect(full.batches).toEqual([512]);
  });

  test('makes the next batch of what arrives while one is settled, and never runs two at once', async () => {
    const { opened, open } = gate();
    let running = 0;
    let most = 0;
    const { queue, batches, answers, submit } = queueOver(async (requests) => {
      running += 1;
      most = Math.max(most, running);
      await opened;
      running -= 1;
      return admitAll(requests);
    });
    submit('a');
    await settled(() => running === 1);
    for (const id of ['b', 'c', 'd']) submit(id);
    open();
    await queue.idle();
    expect(batches).toEqual([1, 3]);
    expect(most).toBe(1);
    expect(answers).toEqual(['ok a', 'ok b', 'ok c', 'ok d']);
  });

  test('settles at most 512 at once, in order', async () => {
    const { queue, batches, answers, submit } = queueOver(admitAll);
    const ids = Array.from({ length: 1_200 }, (_, place) => String(place));
    ids.forEach(submit);
    await queue.idle();
    expect(batches).toEqual([512, 512, 176]);
    expect(answers).toEqual(ids.map((id) => `ok ${id}`));
  });

  test('answers store_unavailable at once to those beyond 4,096, and takes others again when there is room', async () => {
    const { queue, answers, submit } = queueOver(admitAll);
    for (let place = 0; place < 4_096; place += 1) submit('early');
    expect(answers).toEqual([]);
    submit('late');
    expect(answers).toEqual(['store_unavailable late']);
    await queue.idle();
    expect(answers.filter((answer) => answer === 'ok early')).toHaveLength(4_096);
    submit('again');
    await queue.idle();
    expect(answers.at(-1)).toBe('ok again');
  });
});

describe('a batch that could not be settled', () => {
  const failing: [string, () => Promise<readonly Verdict[]>][] = [
    ['because the store rejects', () => Promise.reject(new Error('disk'))],
    [
      'because the store throws',
      () => {
        throw new Error('disk');
      },
    ],
    ['because the store answers too few', () => Promise.resolve([anonymousVerdict('missing_api_key', null)])],
    [
      'because the store answers too many',
      () => Promise.resolve(Array.from({ length: 3 }, () => anonymousVerdict('missing_api_key', null))),
    ],
  ];
  test.each(failing)('is answered store_unavailable, all of it: %s', async (_, settle) => {
    let broken = true;
    const { queue, failures, answers, submit } = queueOver((requests) => (broken ? settle() : admitAll(requests)));
    submit('a');
    submit('b');
    await queue.idle();
    expect(answers).toEqual(['store_unavailable a', 'store_unavailable b']);
    expect(failures).toHaveLength(1);
    broken = false;
    submit('c');
    await queue.idle();
    expect(answers.at(-1)).toBe('ok c');
  });
});

test('an empty queue is idle', async () => {
  const { queue } = queueOver(admitAll);
  await expect(queue.idle()).resolves.toBeUndefined();
});

describe('a store that cannot settle', () => {
  test('answers all who have waited while the store was held as long as anybody should, and asks again for those who came then', async () => {
    const { opened, open } = gate();
    let settles = 0;
    const { queue, batches, failures, answers, submit } = queueOver(async (requests) => {
      settles += 1;
      if (settles > 1) return admitAll(requests);
      submit('came meanwhile');
      await opened;
      throw new KeyctlError('store_busy', 'held');
    });
    for (let count = 0; count < 2_000; count += 1) submit(String(count));
    await settled(() => settles === 1);
    open();
    await queue.idle();
    expect(failures).toHaveLength(1);
    expect(batches).toEqual([1]);
    expect(answers.filter((answer) => answer.startsWith('store_unavailable'))).toHaveLength(2_000);
    expect(answers).toContain('ok came meanwhile');
  });

  test('asks the store again for those behind a batch that failed otherwise', async () => {
    let settles = 0;
    const { queue, answers, submit } = queueOver((requests) => {
      settles += 1;
      return settles === 1 ? Promise.reject(new KeyctlError('failed', 'no')) : admitAll(requests);
    });
    for (let count = 0; count < 600; count += 1) submit(String(count));
    await queue.idle();
    expect(answers.filter((answer) => answer.startsWith('ok'))).toHaveLength(88);
  });

  test('is no worse than an answer that throws: the others of the batch, and those after it, are answered', async () => {
    const { queue, failures, answers, submit } = queueOver(admitAll);
    queue.submit(request('breaks'), () => {
      throw new Error('no socket');
    });
    submit('same batch');
    await queue.idle();
    submit('next batch');
    await queue.idle();
    expect(answers).toEqual(['ok same batch', 'ok next batch']);
    expect(failures).toHaveLength(1);
  });
});

describe('over a network, where a batch waits for more requests', () => {
  /** A settle that takes so long by the queue's own stopwatch and ends when it is told to; timers that end by hand. */
  function gathering(tookMs: number) {
    let now = 0;
    let settling: (() => void) | null = null;
    const timers: { ms: number; act: () => void; cancelled: boolean }[] = [];
    const made = queueOver(
      async (requests) => {
        await new Promise<void>((resolve) => {
          settling = resolve;
        });
        settling = null;
        now += tookMs;
        return admitAll(requests);
      },
      {
        stopwatch: () => now,
        gather: (ms, act) => {
          const timer = { ms, act, cancelled: false };
          timers.push(timer);
          return () => {
            timer.cancelled = true;
          };
        },
      },
    );
    const settle = async (size: number): Promise<void> => {
      await settled(() => settling !== null);
      const before = made.batches.length;
      settling?.();
      await settled(() => made.batches.length > before);
      expect(made.batches.at(-1)).toBe(size);
    };
    return { ...made, timers, settle, settling: () => settling !== null };
  }

  test('those who were answered and those who waited meanwhile come together', async () => {
    const { timers, settle, submit, settling, queue } = gathering(6);
    for (const id of ['a', 'b', 'c']) submit(id);
    await settled(settling);
    for (const id of ['d', 'e']) submit(id);
    await settle(3);
    expect(timers).toMatchObject([{ ms: 3, cancelled: false }]);
    for (const id of ['a', 'b']) submit(id);
    await turnOfTheLoop();
    expect(settling()).toBe(false);
    submit('c');
    await settle(5);
    expect(timers[0]).toMatchObject({ cancelled: true });
    timers[1]?.act();
    await queue.idle();
  });

  test('nobody waits longer than for half of what the last batch took, nor than five milliseconds', async () => {
    for (const [tookMs, ms] of [
      [4, 2],
      [100, 5],
    ] as const) {
      const { timers, settle, submit, settling } = gathering(tookMs);
      for (const id of ['a', 'b']) submit(id);
      await settled(settling);
      submit('c');
      await settle(2);
      expect(timers).toMatchObject([{ ms }]);
      timers[0]?.act();
      await settle(1);
    }
  });

  test.each([
    ['one caller is answered after the other', 6, 1],
    ['a batch is over before a timer could tell', 1.9, 2],
  ])('nothing is waited for where %s', async (_, tookMs, callers) => {
    const { timers, settle, submit, queue } = gathering(tookMs);
    for (let round = 0; round < 2; round += 1) {
      for (let caller = 0; caller < callers; caller += 1) submit(String(caller));
      await settle(callers);
      await queue.idle();
    }
    expect(timers).toEqual([]);
  });

  test('nothing is waited for after a store that somebody holds', async () => {
    const timers: number[] = [];
    let now = 0;
    const { answers, submit, queue } = queueOver(
      () => {
        now += 10;
        return Promise.reject(new KeyctlError('store_busy', 'Held.'));
      },
      {
        stopwatch: () => now,
        gather: (ms) => {
          timers.push(ms);
          return () => undefined;
        },
      },
    );
    for (const id of ['a', 'b']) submit(id);
    await queue.idle();
    expect(answers).toEqual(['store_unavailable a', 'store_unavailable b']);
    expect(timers).toEqual([]);
  });
});
