import type { Request } from '../domain/decide.ts';
import { KeyctlError } from '../domain/error.ts';
import { anonymousVerdict, type Verdict } from '../domain/verdict.ts';
import type { After } from './options.ts';

/** One durable commit for this many requests at most, so that no answer waits for an endless batch. */
const LARGEST_BATCH = 512;
/** Beyond this many waiting requests the answer is 503 at once, rather than memory without end. */
const MOST_WAITING = 4_096;
const RETRY_AFTER_SECONDS = 1;
/** A batch waits for as many turns of the event loop at most, while each brings it more requests. */
const MOST_TURNS = 8;
/** Over a network the next batch waits for more requests at most for this part of what the last one took, and never for longer than that. */
const GATHERING_SHARE = 0.5;
const LONGEST_GATHERING_MS = 5;
/** What a timer can tell. */
const SHORTEST_GATHERING_MS = 1;

export type Answer = (verdict: Verdict) => void;

export interface CommitQueueEvents {
  /** A batch was settled, in so many milliseconds. */
  settled(size: number, ms: number): void;
  /** The store could not settle; every request of the batch was answered `store_unavailable`. */
  failed(error: unknown): void;
}

export interface CommitQueueDeps {
  readonly settle: (requests: readonly Request[]) => Promise<readonly Verdict[]>;
  readonly events: CommitQueueEvents;
  /** Milliseconds that only ever grow. */
  readonly stopwatch: () => number;
  /** Makes batches wait for more requests, over a network; null where they begin at once. */
  readonly gather: After | null;
}

interface Waiting {
  readonly request: Request;
  readonly answer: Answer;
}

/**
 * Group commit: requests that arrive while one batch is being settled form the next one, so that many share one fsync.
 * A batch starts when a turn of the event loop has brought it nothing more: callers who were answered together come back together, and who
 * comes while the first of them are read would else wait for a whole commit that is not theirs.
 *
 * Over a network a batch costs far more than the requests in it: messages, statements, a transaction. There the next one waits a little for
 * those who were just answered and those who already wait to come together; otherwise two halves of the callers would take turns for ever,
 * each in small batches. One after the other loses nothing by it, since nobody waits for callers that are not there.
 */
export class CommitQueue {
  readonly #deps: CommitQueueDeps;
  #waiting: Waiting[] = [];
  #running = false;
  /** How many requests are enough to end the gathering. */
  #enough = 0;
  #endGathering: (() => void) | null = null;
  #idle: (() => void)[] = [];

  constructor(deps: CommitQueueDeps) {
    this.#deps = deps;
  }

  /** Requests that wait for their batch to begin. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** Has the request settled and calls `answer` once with its verdict, or with `store_unavailable`; it never throws. */
  submit(request: Request, answer: Answer): void {
    if (this.#waiting.length >= MOST_WAITING) {
      answer(unavailable(request));
      return;
    }
    this.#waiting.push({ request, answer });
    if (!this.#running) {
      this.#running = true;
      this.#awaitQuietTurn();
    } else if (this.#endGathering !== null && this.#waiting.length >= this.#enough) {
      this.#endGathering();
    }
  }

  /** Resolves when nothing waits and nothing is being settled. */
  idle(): Promise<void> {
    return this.#running ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  /** Begins the batch after the first turn of the loop in which nothing arrived, when it is full, or after as many turns as it waits. */
  #awaitQuietTurn(turnsLeft = MOST_TURNS): void {
    const seen = this.#waiting.length;
    setImmediate(() => {
      const { length } = this.#waiting;
      if (turnsLeft === 1 || length === seen || length >= LARGEST_BATCH) void this.#run();
      else this.#awaitQuietTurn(turnsLeft - 1);
    });
  }

  async #run(): Promise<void> {
    const batch = this.#waiting.splice(0, LARGEST_BATCH);
    const alreadyWaiting = this.#waiting.length;
    const since = this.#deps.stopwatch();
    const verdicts = await this.#settle(batch, since);
    const ms = this.#deps.stopwatch() - since;
    // Who waited all the while that the store was held has waited as long as anybody should.
    if (verdicts === 'busy') batch.push(...this.#waiting.splice(0, alreadyWaiting));
    batch.forEach(({ request, answer }, place) => {
      try {
        answer((verdicts === 'busy' ? undefined : verdicts[place]) ?? unavailable(request));
      } catch (error) {
        // One answer that cannot be given is no reason to leave the others waiting.
        this.#deps.events.failed(error);
      }
    });
    if (verdicts === 'busy' || !this.#gather(batch.length, ms)) this.#next();
  }

  #next(): void {
    if (this.#waiting.length > 0) {
      this.#awaitQuietTurn();
      return;
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Waits for requests to come together after a batch of so many that took so long; false where that is not worth it. */
  #gather(answered: number, tookMs: number): boolean {
    const { gather } = this.#deps;
    const ms = Math.min(tookMs * GATHERING_SHARE, LONGEST_GATHERING_MS);
    this.#enough = Math.min(answered + this.#waiting.length, LARGEST_BATCH);
    if (gather === null || ms < SHORTEST_GATHERING_MS || this.#enough === 1 || this.#waiting.length >= this.#enough) return false;
    const end = (): void => {
      cancel();
      this.#endGathering = null;
      this.#next();
    };
    const cancel = gather(ms, end);
    this.#endGathering = end;
    return true;
  }

  /** SECURITY: whatever goes wrong here ends in a 503, never in an admission. A commit that failed may still have charged. */
  async #settle(batch: readonly Waiting[], since: number): Promise<readonly Verdict[] | 'busy'> {
    const { settle, stopwatch, events } = this.#deps;
    try {
      const verdicts = await settle(batch.map((waiting) => waiting.request));
      if (verdicts.length !== batch.length) throw new RangeError('the store answered another number of requests');
      events.settled(batch.length, stopwatch() - since);
      return verdicts;
    } catch (error) {
      events.failed(error);
      return error instanceof KeyctlError && error.code === 'store_busy' ? 'busy' : [];
    }
  }
}

function unavailable(request: Request): Verdict {
  return anonymousVerdict('store_unavailable', request.requestId, RETRY_AFTER_SECONDS);
}
