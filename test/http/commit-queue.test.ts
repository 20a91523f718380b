import { describe, expect, test } from '@jest/globals';
import type { Request } from '../../src/domain/decide.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { anonymousVerdict, type Verdict } from '../../src/domain/verdict.ts';
import { CommitQueue } from '../../src/http/commit-queue.ts';
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
function queueOver(settle: (requests: readonly Request[]) => Promise<readonly Verdict[]>) {
  const batches: number[] = [];
  const failures: unknown[] = [];
  const answers: string[] = [];
  const queue = new CommitQueue({
    settle,
    stopwatch: () => 0,
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
