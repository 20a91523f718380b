import type { Request } from '../domain/decide.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Verdict } from '../domain/verdict.ts';

/**
 * A batch that took longer than this here held up everything else that the loop has to do. One may be chance; two running are a slow disk.
 * Not shorter: whoever waits for a verdict waits for the disk either way, and a processor that is shared makes batches of 20 ms as well,
 * of which the other thread would make longer ones.
 */
const SLOW_MS = 50;
const SLOW_RUNNING = 2;
/**
 * How long the other thread has all of it then, before the next look at how quick it has become. Not longer: the connection of this thread
 * then reads what the other has debited, and after a second of that it was slow for this alone, again and again.
 */
const REST_MS = 250;

/** How often it is asked again whether a store that somebody holds is free, and after how long: most hold it for two or three milliseconds. */
const MOST_ASKS = 50;
const ASK_AGAIN_MS = 1;

type Settle = (requests: readonly Request[]) => Promise<readonly Verdict[]>;

export interface QuickSettleDeps {
  /** Settles on this thread, and throws `store_busy` at once, having done nothing, when somebody else holds the store. */
  readonly here: Settle;
  /** Settles on the store's own thread, which can wait. */
  readonly there: Settle;
  /** Milliseconds that only ever grow. */
  readonly stopwatch: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
}

/**
 * Settles on the thread of the HTTP loop while that is quick: the way to another thread and back costs more than the settling, and on a
 * disk that answers within a fraction of a millisecond the wait for it is shorter than the way. While somebody else holds the store for
 * long, or its disk is slow, the other thread does it, so that neither stops the loop; first it has to read what was debited here
 * meanwhile, so that a short hold is waited out here. One batch at a time either way.
 */
export function quickSettle({ here, there, stopwatch, pause }: QuickSettleDeps): Settle {
  let restsUntil = -Infinity;
  let slow = 0;
  const tryHere = async (requests: readonly Request[]): Promise<readonly Verdict[] | null> => {
    const since = stopwatch();
    try {
      return await here(requests);
    } catch (error) {
      if (error instanceof KeyctlError && error.code === 'store_busy') return null;
      throw error;
    } finally {
      const now = stopwatch();
      slow = now - since > SLOW_MS ? slow + 1 : 0;
      if (slow >= SLOW_RUNNING) restsUntil = now + REST_MS;
    }
  };
  return async (requests) => {
    for (let asks = 1; asks <= MOST_ASKS && stopwatch() >= restsUntil; asks += 1) {
      const verdicts = await tryHere(requests);
      if (verdicts !== null) return verdicts;
      await pause(ASK_AGAIN_MS);
    }
    return there(requests);
  };
}
