import type { Simulation } from '../domain/simulate.ts';
import { formatInstant } from '../domain/utc-day.ts';

/** What became, or would become, of a number of requests. Credits are whole numbers; `remaining` is of the tighter of account and key. */
export interface ChargeReport extends Simulation {
  /** Null for a simulated account that is only a tier. */
  readonly account: string | null;
  /** The tier at the beginning. */
  readonly tier: string;
  readonly requests: number;
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
