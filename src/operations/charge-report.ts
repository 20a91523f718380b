import { formatInstant, type Instant } from '../domain/utc-day.ts';
import type { DenialCode } from '../domain/verdict.ts';

/** What became, or would become, of a number of requests. Credits are whole numbers. */
export interface ChargeReport {
  /** Null for a simulated account that is only a tier. */
  readonly account: string | null;
  /** The tier at the beginning. */
  readonly tier: string;
  readonly requests: number;
  readonly accepted: number;
  readonly denied: Readonly<Partial<Record<DenialCode, number>>>;
  /** Credits taken. */
  readonly cost: number;
  /** Credits left after the last request, of the tighter of account and key. */
  readonly remaining: number;
  /** When the first request was denied for want of credits, or null. */
  readonly exhaustedAt: Instant | null;
  /** When the last request came. */
  readonly endsAt: Instant;
  readonly dryRun: boolean;
}

/** The fields of its JSON, in the contract's order. */
export const CHARGE_FIELDS = ['account', 'tier', 'requests', 'accepted', 'denied', 'cost', 'remaining', 'exhaustedAt', 'dryRun'] as const;

export function chargeJson(report: ChargeReport): Record<string, unknown> {
  const { account, tier, requests, accepted, denied, cost, remaining, exhaustedAt, dryRun } = report;
  return {
    ...{ account, tier, requests, accepted, denied, cost, remaining },
    exhaustedAt: exhaustedAt === null ? null : formatInstant(exhaustedAt),
    dryRun,
  };
}
