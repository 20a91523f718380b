import type { Request } from '../domain/decide.ts';
import { KeyctlError } from '../domain/error.ts';
import { anonymousVerdict, type Verdict } from '../domain/verdict.ts';

/** One durable commit for this many requests at most, so that no answer waits for an endless batch. */
const LARGEST_BATCH = 512;
/** Beyond this many waiting requests the answer is 503 at once, rather than memory without end. */
const MOST_WAITING = 4_096;
const RETRY_AFTER_SECONDS = 1;

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
}

interface Waiting {
  readonly request: Request;
  readonly answer: Answer;
}

/**
 * Group commit: requests that arrive while one batch is being settled form the next one, so that many share one fsync.
 * A batch starts with the next turn of the event loop, when all requests that have arrived together are read.
 */
export class CommitQueue {
  readonly #deps: CommitQueueDeps;
  #waiting: Waiting[] = [];
  #running = false;
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
      setImmediate(() => void this.#run());
    }
  }

  /** Resolves when nothing waits and nothing is being settled. */
  idle(): Promise<void> {
    return this.#running ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  async #run(): Promise<void> {
    const batch = this.#waiting.splice(0, LARGEST_BATCH);
    const alreadyWaiting = this.#waiting.length;
    const verdicts = await this.#settle(batch);
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
    if (this.#waiting.length > 0) {
      setImmediate(() => void this.#run());
      return;
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** SECURITY: whatever goes wrong here ends in a 503, never in an admission. A commit that failed may still have charged. */
  async #settle(batch: readonly Waiting[]): Promise<readonly Verdict[] | 'busy'> {
    const { settle, stopwatch, events } = this.#deps;
    const since = stopwatch();
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
