import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Store } from '../domain/store.ts';
import { creditsConsumed, type Verdict, type VerdictCode } from '../domain/verdict.ts';
import { BookMetrics } from './book-metrics.ts';

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const SETTLE_SECONDS = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** What a verdict is counted under at most; beyond it only its code is told apart. Services times tiers times codes could be a million. */
const MOST_LABEL_SETS = 1_000;
/** No name of a service or a tier begins so. */
const OTHER = '_other';

interface Answered {
  readonly labels: { readonly code: string; readonly service: string; readonly tier: string };
  count: number;
}

/**
 * What Prometheus reads. Labels are codes, services and tiers only, which the operator made, never a key, an account or anything that a
 * client chose, and of those only so many. Replays and dry runs count nowhere, as in the usage, so that admissions and debits can be compared.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #answered = new Map<string, Answered>();
  #latest: Answered = { labels: { code: '', service: '', tier: '' }, count: 0 };
  readonly #batchSize: Histogram;
  readonly #settleSeconds: Histogram;
  readonly #books: BookMetrics;
  #creditsSpent = 0;

  constructor(queueDepth: () => number, store: Pick<Store, 'read'>) {
    const registers = [this.#registry];
    this.#books = new BookMetrics(this.#registry, store);
    // A counter that appears with its first outage would show no increase to whoever watches it.
    this.#counted('store_unavailable', '', '');
    collectDefaultMetrics({ register: this.#registry });
    this.#batchSize = new Histogram({
      name: 'keyctl_batch_size',
      help: 'Requests settled in one commit.',
      buckets: BATCH_SIZES,
      registers,
    });
    this.#settleSeconds = new Histogram({
      name: 'keyctl_settle_seconds',
      help: 'Seconds to settle and commit a batch.',
      buckets: SETTLE_SECONDS,
      registers,
    });
    const depth: Gauge = new Gauge({
      name: 'keyctl_queue_depth',
      help: 'Requests that wait for their commit to begin.',
      registers,
      collect: () => {
        depth.set(queueDepth());
      },
    });
    const spent: Counter = new Counter({
      name: 'keyctl_credits_spent_total',
      help: 'Credits debited by this server.',
      registers,
      collect: () => {
        spent.reset();
        spent.inc(this.#creditsSpent);
      },
    });
    const verdicts: Counter<'code' | 'service' | 'tier'> = new Counter({
      name: 'keyctl_verdicts_total',
      help: `Verdicts; service and tier are empty where unknown, and ${OTHER} beyond ${String(MOST_LABEL_SETS)} combinations.`,
      registers,
      labelNames: ['code', 'service', 'tier'],
      collect: () => {
        verdicts.reset();
        for (const { labels, count } of this.#answered.values()) verdicts.inc(labels, count);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    await this.#books.read();
    return this.#registry.metrics();
  }

  /** Counts a verdict. Every request comes by here, so that prom-client's own bookkeeping waits until somebody reads. */
  answered(verdict: Verdict): void {
    this.#counted(verdict.code, verdict.service ?? '', verdict.tier ?? '').count += 1;
    this.#creditsSpent += creditsConsumed(verdict);
  }

  #counted(code: VerdictCode, service: string, tier: string): Answered {
    // Most verdicts are like the one before.
    const { labels } = this.#latest;
    if (labels.code === code && labels.service === service && labels.tier === tier) return this.#latest;
    const identity = `${code} ${service} ${tier}`;
    const known = this.#answered.get(identity);
    if (known !== undefined) {
      this.#latest = known;
      return known;
    }
    if (this.#answered.size >= MOST_LABEL_SETS && service !== OTHER) return this.#counted(code, OTHER, OTHER);
    const answered = { labels: { code, service, tier }, count: 0 };
    this.#answered.set(identity, answered);
    return answered;
  }

  settled(size: number, ms: number): void {
    this.#batchSize.observe(size);
    this.#settleSeconds.observe(ms / 1_000);
  }
}
