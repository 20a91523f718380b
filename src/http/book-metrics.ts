import { Gauge, type Registry } from 'prom-client';
import type { Store } from '../domain/store.ts';
import { MS_PER_SECOND, startOfDay } from '../domain/utc-day.ts';

/** Messages that wait are counted up to so many: what is beyond it is no better news. */
const MOST_COUNTED = 10_000;

/** What the store itself says of its books, and of what it has to tell, read when somebody asks for the metrics. */
export class BookMetrics {
  readonly #store: Pick<Store, 'read'>;
  readonly #up: Gauge;
  readonly #closedUntil: Gauge;
  readonly #lastReset: Gauge;
  readonly #alertsWaiting: Gauge;
  readonly #alertsOldest: Gauge;
  readonly #alertsGivenUp: Gauge;

  constructor(registry: Registry, store: Pick<Store, 'read'>) {
    const registers = [registry];
    this.#store = store;
    this.#up = new Gauge({ name: 'keyctl_store_up', help: '1 if the store could be read just now, else 0.', registers });
    this.#closedUntil = new Gauge({
      name: 'keyctl_closed_until_timestamp_seconds',
      help: 'Every day before this instant is closed; its midnight while reset is in time. Without a store that can be read, the last known.',
      registers,
    });
    this.#lastReset = new Gauge({
      name: 'keyctl_reset_last_run_timestamp_seconds',
      help: 'When keyctl reset last ran to its end, 0 if never. Without a store that can be read, the last known.',
      registers,
    });
    const upTo = `at most ${String(MOST_COUNTED)}`;
    this.#alertsWaiting = new Gauge({
      ...{ name: 'keyctl_alerts_waiting', help: `Messages to the webhook that are not delivered yet, ${upTo}.`, registers },
    });
    this.#alertsOldest = new Gauge({
      name: 'keyctl_alerts_oldest_waiting_seconds',
      help: 'How long the oldest of them has waited; 0 when none waits.',
      registers,
    });
    this.#alertsGivenUp = new Gauge({
      ...{ name: 'keyctl_alerts_given_up', help: `Messages that were given up and are still listed, ${upTo}.`, registers },
    });
  }

  /** Resolves in any case: a store that cannot be read is what somebody wants to know. */
  async read(): Promise<void> {
    try {
      const { closedThrough, last, alerts, now } = await this.#store.read(async (tx, at) => ({
        closedThrough: await tx.credits.closedThrough(),
        last: await tx.config.lastReset(),
        alerts: await tx.alerts.depth(MOST_COUNTED),
        now: at,
      }));
      this.#alertsWaiting.set(alerts.waiting);
      this.#alertsGivenUp.set(alerts.givenUp);
      this.#alertsOldest.set(alerts.oldestAt === null ? 0 : Math.max(0, now - alerts.oldestAt) / MS_PER_SECOND);
      this.#closedUntil.set(startOfDay(closedThrough + 1) / MS_PER_SECOND);
      this.#lastReset.set((last?.at ?? 0) / MS_PER_SECOND);
      this.#up.set(1);
    } catch {
      this.#up.set(0);
    }
  }
}
