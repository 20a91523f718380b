import type { DenialTally } from '../domain/denial-tally.ts';
import type { Request } from '../domain/decide.ts';
import type { Instant } from '../domain/utc-day.ts';
import { anonymousVerdict, type Verdict } from '../domain/verdict.ts';
import type { Catalogue } from './catalogue.ts';
import type { Answer, CommitQueue } from './commit-queue.ts';
import type { GuessBrake } from './guess-brake.ts';
import type { Metrics } from './metrics.ts';

export interface VerificationDeps {
  readonly queue: CommitQueue;
  readonly brake: GuessBrake;
  readonly tally: DenialTally;
  readonly metrics: Metrics;
  readonly clock: () => Instant;
  readonly catalogue: () => Catalogue;
  /** Is told of a failure of our own while an answer was made. */
  readonly failed: (error: unknown) => void;
}

/** The way of every question, whichever route it came by: asked, counted, answered. */
export class Verification {
  readonly #deps: VerificationDeps;

  constructor(deps: VerificationDeps) {
    this.#deps = deps;
  }

  /** Decides and calls `answer` with the verdict, once; again, with `store_unavailable`, if it throws. `connection` is the one that the answer leaves on. */
  ask(request: Request, connection: object, answer: Answer): void {
    const { queue } = this.#deps;
    const tell = (verdict: Verdict): void => {
      this.#tell(verdict, request, connection, this.#safe(answer));
    };
    const refused = this.#refusedAtSight(request);
    if (refused === null) queue.submit(request, tell);
    else tell(refused);
  }

  /** A key that cannot exist is refused without the store, in the store's words; only the service is asked before the key. */
  #refusedAtSight({ subject, service: name, cost, requestId }: Request): Verdict | null {
    const service = subject.kind === 'malformed' ? this.#deps.catalogue().services.get(name) : undefined;
    if (service === undefined) return null;
    return { ...anonymousVerdict('invalid_api_key', requestId), service: service.name, cost: cost ?? service.cost };
  }

  #tell(verdict: Verdict, request: Request, connection: object, answer: Answer): void {
    const { brake, tally, metrics, clock } = this.#deps;
    if (!request.dryRun && !verdict.replayed) {
      metrics.answered(verdict);
      tally.add(verdict, request.ip, clock());
    }
    if (verdict.code === 'invalid_api_key') {
      brake.invalid(request.ip, connection, () => {
        answer(verdict);
      });
      return;
    }
    brake.release(connection);
    answer(verdict);
  }

  #safe(answer: Answer): Answer {
    return (verdict) => {
      try {
        answer(verdict);
      } catch (error) {
        this.#deps.failed(error);
        answer(anonymousVerdict('store_unavailable', null, 1));
      }
    };
  }
}
