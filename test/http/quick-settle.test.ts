import { describe, expect, test } from '@jest/globals';
import type { Request } from '../../src/domain/decide.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { anonymousVerdict, type Verdict } from '../../src/domain/verdict.ts';
import { quickSettle } from '../../src/http/quick-settle.ts';

const BATCH: readonly Request[] = [];

/** Two ways to settle, of which the first takes as long, and fails, as the test says. */
function ways() {
  const script = { now: 0, takes: 0, fails: null as Error | null, paused: (): void => undefined };
  const went: string[] = [];
  const verdicts: readonly Verdict[] = [anonymousVerdict('invalid_api_key', null)];
  const settle = quickSettle({
    here: async () => {
      went.push('here');
      script.now += script.takes;
      if (script.fails !== null) throw script.fails;
      return verdicts;
    },
    there: async () => {
      went.push('there');
      script.now += 100;
      return verdicts;
    },
    stopwatch: () => script.now,
    pause: async (ms) => {
      script.now += ms;
      script.paused();
    },
  });
  const ask = async (): Promise<string | undefined> => {
    expect(await settle(BATCH)).toBe(verdicts);
    return went.at(-1);
  };
  return { script, went, settle, ask };
}

describe('a batch is settled', () => {
  test('here while that is quick', async () => {
    const { script, ask } = ways();
    script.takes = 50;
    for (let time = 0; time < 5; time += 1) expect(await ask()).toBe('here');
  });

  test('there for a quarter of a second after it was slow twice running, then here again, where one slow batch is enough while it stays so', async () => {
    const { script, ask } = ways();
    const take = async (ms: number): Promise<string | undefined> => {
      script.takes = ms;
      return ask();
    };
    for (const ms of [51, 50, 51, 1, 51, 1]) expect(await take(ms)).toBe('here');
    expect(await take(51)).toBe('here');
    expect(await take(51)).toBe('here');
    for (const ms of [51, 1]) {
      const slowAt = script.now;
      while (script.now < slowAt + 250) expect(await take(ms)).toBe('there');
      expect(await take(ms)).toBe('here');
    }
    expect(await take(1)).toBe('here');
  });

  test('there when somebody else holds the store for long, at no cost for the next', async () => {
    const { script, went, ask } = ways();
    script.fails = new KeyctlError('store_busy', 'busy');
    expect(await ask()).toBe('there');
    expect(went).toEqual([...Array.from({ length: 50 }, () => 'here'), 'there']);
    script.fails = null;
    expect(await ask()).toBe('here');
  });

  test('here, a moment later, when somebody else holds the store for a moment', async () => {
    const { script, went, ask } = ways();
    script.fails = new KeyctlError('store_busy', 'busy');
    let pauses = 0;
    script.paused = () => {
      pauses += 1;
      if (pauses === 3) script.fails = null;
    };
    expect(await ask()).toBe('here');
    expect(went).toEqual(['here', 'here', 'here', 'here']);
  });

  test('once: whatever else went wrong here may have been committed', async () => {
    const { script, went, settle } = ways();
    for (const code of ['store_full', 'store_damaged', 'failed'] as const) {
      script.fails = new KeyctlError(code, 'no');
      await expect(settle(BATCH)).rejects.toMatchObject({ code });
    }
    expect(went).toEqual(['here', 'here', 'here']);
  });
});
