import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SEQUENCES } from '../budget.ts';
import { explore } from './exploring.ts';
import { follow } from './following.ts';
import { FILES } from './grounds.ts';
import { step, type Step } from './steps.ts';
import { beginning, type Beginning } from './world.ts';

let begun: Beginning;

beforeAll(async () => {
  begun = await beginning(FILES);
});

afterAll(() => begun.cleanUp());

describe('whatever operators, customers and the clock do, in whatever order, by two processes', () => {
  test(
    'every verdict, balance and report is that of a simple model of the contract, at every step',
    async () => {
      let steps = 0;
      const property = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: SEQUENCES.steps, size: 'max' }),
        async (sequence: readonly Step[]) => {
          steps += sequence.length;
          await follow(begun, sequence);
        },
      );
      const { numRuns } = await explore('test/model/sequences.test.ts', property, SEQUENCES, () => ({ steps }));
      expect(numRuns).toBeGreaterThan(0);
    },
    SEQUENCES.ms + 240_000,
  );
});
