import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { creditsConsumed, type Verdict } from '../domain/verdict.ts';

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const SETTLE_SECONDS = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

interface Answered {
  readonly labels: { readonly code: string; readonly service: string; readonly tier: string };
  count: number;
}

/**
 * What Prometheus reads. Labels are codes, services and tiers only, which the operator made, never a key, an account or anything that a
 * client chose. Replays and dry runs count nowhere, as in the usage, so that admissions and debits can be compared.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #answered = new Map<string, Answered>();
  readonly #batchSize: Histogram;
  readonly #settleSeconds: Histogram;
  #creditsSpent = 0;

  constructor(queueDepth: () => number) {
    const registers = [this.#registry];
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
      help: 'Verdicts; service and tier are empty where unknown.',
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

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Counts a verdict. Every request comes by here, so that prom-client's own bookkeeping waits until somebody reads. */
  answered(verdict: Verdict): void {
    const labels = { code: verdict.code, service: verdict.service ?? '', tier: verdict.tier ?? '' };
    const identity = `${labels.code} ${labels.service} ${labels.tier}`;
    const known = this.#answered.get(identity);
    if (known === undefined) this.#answered.set(identity, { labels, count: 1 });
    else known.count += 1;
    this.#creditsSpent += creditsConsumed(verdict);
  }

  settled(size: number, ms: number): void {
    this.#batchSize.observe(size);
    this.#settleSeconds.observe(ms / 1_000);
  }
}
