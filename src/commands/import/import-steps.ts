import { setTimeout } from 'node:timers/promises';
import { restingSteps, type Progress, type Steps } from '../../operations/steps.ts';

/** Somebody waits for an import, and it is rare: it leaves the store to others for three quarters of the time, not for nine tenths. */
const SHARE_OF_REST = 3;

/** The pace of an import: short steps beside a running server. */
export function importSteps(tell: (progress: Progress) => void): Steps {
  return restingSteps(tell, { stopwatch: () => performance.now(), rest: (ms) => setTimeout(ms / SHARE_OF_REST) });
}
