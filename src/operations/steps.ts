import { setTimeout } from 'node:timers/promises';

/** Rests this many times as long as the step before it took. */
const REST_FACTOR = 2;
const LEAST_REST_MS = 1;

/** The pace of an act that is made of many short transactions beside a running server. */
export interface Steps {
  /** Runs one step, then rests, so that whoever waits for the write lock mostly finds it free. */
  run<Result>(step: () => Promise<Result>): Promise<Result>;
  /** Tells a person how far it is. */
  tell(text: string): void;
}

/** Steps that rest in between; `tell` is left out where nobody watches. */
export function restingSteps(tell: (text: string) => void = () => undefined): Steps {
  return {
    tell,
    run: async (step) => {
      const begun = performance.now();
      const result = await step();
      await setTimeout(Math.max(LEAST_REST_MS, REST_FACTOR * (performance.now() - begun)));
      return result;
    },
  };
}
