import { KeyctlError } from '../domain/error.ts';
import type { Instant } from '../domain/utc-day.ts';
import { answerInWords, isDelivered, type PostWebhook } from '../domain/webhook-post.ts';
import type { AlertActs } from '../operations/alert-acts.ts';
import { deliverAlerts, type Attempt } from '../operations/deliver-alerts.ts';
import type { After, Logger } from './options.ts';
import { Outage } from './outage.ts';

const INTERVAL_MS = 1_000;
/** Keys end by days: they are looked for once in so many rounds. */
const ROUNDS_PER_EXPIRY_LOOK = 60;

export interface AlertingDeps {
  readonly acts: AlertActs;
  readonly post: PostWebhook;
  readonly after: After;
  readonly log: Logger;
}

/**
 * Looks each second for what somebody is to be told of, and sends what is due. It shares nothing with the answering of requests but the
 * thread of the store, where a look takes milliseconds; a receiver that hangs holds up nothing but other messages.
 */
export class Alerting {
  readonly #deps: AlertingDeps;
  readonly #noticing: Outage;
  readonly #receiver: Outage;
  readonly #stop = new AbortController();
  #cancel: () => void = () => undefined;
  #round: Promise<void> = Promise.resolve();
  #delivering: Promise<void> | null = null;
  #after = 0;
  #since: Instant | null = null;
  #rounds = 0;
  #moreExpiries = true;

  constructor(deps: AlertingDeps) {
    this.#deps = deps;
    this.#noticing = new Outage(deps.log, { down: 'alerts cannot be looked for; it is tried again', up: 'alerts are looked for again' });
    this.#receiver = new Outage(deps.log, {
      down: 'the receiver of alerts does not take them; they wait (keyctl alert list)',
      up: 'the receiver of alerts takes them again',
    });
  }

  start(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancel = this.#deps.after(INTERVAL_MS, () => {
      this.#round = this.#work().then(() => {
        this.start();
      });
    });
  }

  /** What is on its way is cut off, and sent again by whoever serves next. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#stop.abort();
    await this.#round;
    await this.#delivering;
  }

  async #work(): Promise<void> {
    try {
      const expiries = this.#moreExpiries || this.#rounds % ROUNDS_PER_EXPIRY_LOOK === 0;
      const { on, after, at, moreExpiries } = await this.#deps.acts.noticeAlerts({ after: this.#after, since: this.#since, expiries });
      this.#rounds += 1;
      this.#after = after;
      this.#since = at;
      this.#moreExpiries = moreExpiries;
      if (on) this.#delivering ??= this.#deliver();
      this.#noticing.works();
    } catch (error) {
      this.#noticing.failed(error);
    }
  }

  /** Not waited for: looking goes on while a receiver takes its time. */
  async #deliver(): Promise<void> {
    const { acts, post } = this.#deps;
    try {
      await deliverAlerts({ acts, post, signal: this.#stop.signal }, (attempt) => {
        this.#tell(attempt);
      });
    } catch (error) {
      this.#noticing.failed(error);
    } finally {
      this.#delivering = null;
    }
  }

  #tell({ alert, answer }: Attempt): void {
    if (isDelivered(answer)) {
      this.#deps.log.info({ alert: alert.id, type: alert.type, attempts: alert.attempts }, 'alert delivered');
      this.#receiver.works();
    } else if (!this.#stop.signal.aborted) {
      this.#receiver.failed(new KeyctlError('failed', answerInWords(answer)));
    }
  }
}
