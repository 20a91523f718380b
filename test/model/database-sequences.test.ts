import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DATABASE_SEQUENCES } from '../budget.ts';
import { explore } from './exploring.ts';
import { follow } from './following.ts';
import { DATABASES } from './grounds.ts';
import { step, type Step } from './steps.ts';
import { beginning, type Beginning } from './world.ts';

let begun: Beginning;

beforeAll(async () => {
  begun = await beginning(DATABASES);
});

afterAll(() => begun.cleanUp());

describe('whatever operators, customers and the clock do, in whatever order, by two processes over one database', () => {
  test(
    'every verdict, balance and report is that of a simple model of the contract, at every step',
    async () => {
      let steps = 0;
      let last: Promise<void> = Promise.resolve();
      const property = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: DATABASE_SEQUENCES.steps, size: 'max' }),
        async (sequence: readonly Step[]) => {
          steps += sequence.length;
          const next = (): Promise<void> => follow(begun, sequence);
          await (last = last.then(next, next));
        },
      );
      const { numRuns } = await explore('test/model/database-sequences.test.ts', property, DATABASE_SEQUENCES, () => ({ steps }));
      // The one in which the time was up goes on; its databases are removed in its end.
      await last;
      expect(numRuns).toBeGreaterThan(0);
    },
    DATABASE_SEQUENCES.ms + 240_000,
  );
});
