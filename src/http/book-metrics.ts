import { Gauge, type Registry } from 'prom-client';
import type { Store } from '../domain/store.ts';
import { MS_PER_SECOND, startOfDay } from '../domain/utc-day.ts';

/** What the store itself says of its books, read when somebody asks for the metrics. */
export class BookMetrics {
  readonly #store: Pick<Store, 'read'>;
  readonly #up: Gauge;
  readonly #closedUntil: Gauge;
  readonly #lastReset: Gauge;

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
  }

  /** Resolves in any case: a store that cannot be read is what somebody wants to know. */
  async read(): Promise<void> {
    try {
      const { closedThrough, last } = await this.#store.read(async (tx) => ({
        closedThrough: await tx.credits.closedThrough(),
        last: await tx.config.lastReset(),
      }));
      this.#closedUntil.set(startOfDay(closedThrough + 1) / MS_PER_SECOND);
      this.#lastReset.set((last?.at ?? 0) / MS_PER_SECOND);
      this.#up.set(1);
    } catch {
      this.#up.set(0);
    }
  }
}
