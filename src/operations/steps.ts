import { setTimeout } from 'node:timers/promises';

/** Rests this many times as long as the step before it held the lock, alone and while somebody else writes. */
const REST_FACTOR = 1;
const REST_FACTOR_BESIDE = 9;
/** A lock that took longer to come was somebody else's. Who met another writer in one of this many steps is not alone. */
const WAITED_MS = 1;
const STEPS_BESIDE = 50;
const LEAST_REST_MS = 1;
/** How long a step should work under the lock, or as long as its commit takes if that is longer, as it is on a slow disk. */
const WORK_MS = 2;
const MOST_WORK_MS = 10;
const LEAST_PORTION = 1 / 16;
const MOST_PORTION = 8;
/** No step is this many times larger than the one before, since what it finds may be dearer. */
const GROWTH = 1.5;

/** How much one step should do. */
export interface Stint {
  /** Of its usual amount. */
  readonly portion: number;
  /** Does the step's work; to be called as soon as the lock is held, so that waiting for it does not count. */
  work<Result>(act: () => Promise<Result>): Promise<Result>;
}

/** The usual amount, not measured. */
export const WHOLE: Stint = { portion: 1, work: (act) => act() };

export interface Progress {
  readonly text: string;
  readonly done: number;
  readonly total: number;
}

/** The pace of an act that is made of many short transactions beside a running server. */
export interface Steps {
  /** Runs one step, then rests, so that whoever waits for the write lock mostly finds it free. */
  run<Result>(step: (stint: Stint) => Promise<Result>): Promise<Result>;
  /** Tells a person how far it is. */
  tell(progress: Progress): void;
}

/** Milliseconds that only ever grow, and a rest of so many of them. */
export interface Pacing {
  readonly stopwatch: () => number;
  readonly rest: (ms: number) => Promise<unknown>;
}

const PACING: Pacing = { stopwatch: () => performance.now(), rest: (ms) => setTimeout(ms) };

/** Steps that rest in between and that are as large as the machine does in a few milliseconds; `tell` is left out where nobody watches. */
export function restingSteps(tell: (progress: Progress) => void = () => undefined, { stopwatch, rest } = PACING): Steps {
  let portion = LEAST_PORTION;
  let besideUntil = 0;
  let steps = 0;
  return {
    tell,
    run: async (step) => {
      const asked = stopwatch();
      let [begun, worked] = [asked, 0];
      const result = await step({
        portion,
        work: async (act) => {
          begun = stopwatch();
          const done = await act();
          worked = stopwatch() - begun;
          return done;
        },
      });
      // The commit belongs to what others wait for, but smaller steps do not make it shorter.
      const held = stopwatch() - begun;
      const aim = Math.min(MOST_WORK_MS, Math.max(WORK_MS, held - worked));
      portion = Math.min(MOST_PORTION, Math.max(LEAST_PORTION, portion * Math.min(GROWTH, aim / Math.max(worked, 0.01))));
      steps += 1;
      if (begun - asked > WAITED_MS) besideUntil = steps + STEPS_BESIDE;
      await rest(Math.max(LEAST_REST_MS, held * (steps < besideUntil ? REST_FACTOR_BESIDE : REST_FACTOR)));
      return result;
    },
  };
}
