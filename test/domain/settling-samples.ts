import type { Request } from '../../src/domain/decide.ts';
import type { Account, Key, Service, Tier } from '../../src/domain/entities.ts';
import { ACCOUNT, KEY, NOW, requestOf, SERVICE } from './samples.ts';
import { SettlingRowsInMemory } from './settling-rows.ts';

const CHEAP: Service = { ref: 2, name: 'cheap', cost: 1, environment: null };
export const OTHER: Account = { ...ACCOUNT, ref: 8, id: 'acct_other', name: 'other' };
export const OTHER_KEY: Key = { ...KEY, ref: 12, id: 'key_other', accountRef: OTHER.ref, digest: 'd2'.repeat(32), capGroup: 12 };
export const CAPPED_KEY: Key = { ...KEY, ref: 13, id: 'key_capped', name: 'capped', digest: 'd3'.repeat(32), dailyCap: 300, capGroup: 13 };
export const SUCCESSOR: Key = { ...CAPPED_KEY, ref: 14, id: 'key_successor', name: 'successor', digest: 'd4'.repeat(32), capGroup: 13 };
export const DELETED_KEY: Key = { ...KEY, ref: 15, id: 'key_deleted', digest: 'd5'.repeat(32), deletedAt: NOW - 1 };

export function tierOf(credits: number, rate: number | null = null): Tier {
  const limits = rate === null ? [] : [['*', { requestsPerSecond: rate, burst: rate }] as const];
  return { name: 'free', credits: [{ from: 0, credits }], limits: new Map(limits) };
}

export function rowsWith(tier: Tier): SettlingRowsInMemory {
  return new SettlingRowsInMemory({
    services: [SERVICE, CHEAP],
    keys: [KEY, OTHER_KEY, CAPPED_KEY, SUCCESSOR, DELETED_KEY],
    accounts: [ACCOUNT, OTHER],
    tiers: [tier],
  });
}

export function by(key: Key, changed: Partial<Request> = {}): Request {
  return requestOf({ subject: { kind: 'digest', digest: key.digest }, ...changed });
}

export function times(count: number, request: Request): readonly Request[] {
  return Array.from({ length: count }, () => request);
}

export function codes(settlement: { readonly verdicts: readonly { readonly code: string }[] }): readonly string[] {
  return settlement.verdicts.map((verdict) => verdict.code);
}
