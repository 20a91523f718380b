import type { Balance } from '../../src/domain/credits.ts';
import type { PriorCharge } from '../../src/domain/debit.ts';
import type { Facts, Request } from '../../src/domain/decide.ts';
import type { Account, Key, Service } from '../../src/domain/entities.ts';
import { dayOf } from '../../src/domain/utc-day.ts';

/** 2026-11-22T10:00:00.000Z: the instant at which the samples are asked. */
export const NOW = Date.UTC(2026, 10, 22, 10);
export const TODAY = dayOf(NOW);

export const SERVICE: Service = { ref: 1, name: 'default', cost: 100, environment: null };

export const ACCOUNT: Account = {
  ref: 7,
  id: 'acct_0123456789abcdefghij',
  name: 'acme',
  externalId: null,
  createdAt: 0,
  suspendedAt: null,
  tiers: [{ from: 0, tier: 'free' }],
};

export const KEY: Key = {
  ref: 11,
  id: 'key_0123456789abcdefghij',
  accountRef: ACCOUNT.ref,
  name: 'prod',
  environment: 'production',
  digest: 'd1'.repeat(32),
  mask: 'kc_prod_0123…4567',
  note: null,
  createdAt: 0,
  expiresAt: null,
  disabledAt: null,
  disabledReason: null,
  deletedAt: null,
  rotatedFrom: null,
  rotatedTo: null,
  services: [],
  allowedIps: [],
  dailyCap: null,
  capGroup: 11,
};

export function balanceOf(granted: number, spent = 0, adjusted = 0): Balance {
  return { day: TODAY, granted, adjusted, spent };
}

/** A request of the sample key for the sample service, from a known address. */
export function requestOf(changed: Partial<Request> = {}): Request {
  return {
    subject: { kind: 'digest', digest: KEY.digest },
    service: SERVICE.name,
    environment: null,
    cost: null,
    ip: '203.0.113.7',
    requestId: null,
    requestIdRule: 'json',
    dryRun: false,
    fromShell: false,
    ...changed,
  };
}

/** What a store would know about the sample request: everything passes, 1,000 credits are left, 5 requests a second. */
export function factsOf(changed: Partial<Facts> = {}): Facts {
  return {
    service: SERVICE,
    key: KEY,
    account: ACCOUNT,
    tier: 'free',
    limit: { requestsPerSecond: 5, burst: 5 },
    balance: balanceOf(1_000),
    capSpent: 0,
    arrival: 0,
    prior: null,
    nextDebit: NOW * 1_000,
    ...changed,
  };
}

/** What an earlier charge under the same request id left behind. */
export function priorOf(changed: Partial<PriorCharge> = {}): PriorCharge {
  return {
    number: NOW * 1_000 - 5,
    keyRef: KEY.ref,
    serviceRef: SERVICE.ref,
    cost: SERVICE.cost,
    expiresAt: NOW + 60_000,
    replaysLeft: null,
    refunded: false,
    ...changed,
  };
}
