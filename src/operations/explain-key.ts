import type { Request } from '../domain/decide.ts';
import { explain, type ExplainedCheck } from '../domain/explain.ts';
import { isName } from '../domain/names.ts';
import type { Store } from '../domain/store.ts';
import { nextReset, type Instant } from '../domain/utc-day.ts';
import type { VerdictCode } from '../domain/verdict.ts';
import { accountOf } from './change-key.ts';
import { findEnvironment } from './find-environment.ts';
import { findKey, type KeyReference } from './find-key.ts';

/** A request that is thought of: with this key, for this service, from this address, at this instant. */
export interface ExplainKey {
  readonly reference: KeyReference;
  readonly service: string;
  /** By name or code, or null. */
  readonly environment: string | null;
  readonly ip: string | null;
  /** Null for now. */
  readonly at: Instant | null;
}

export interface Explanation {
  readonly keyId: string;
  readonly keyName: string;
  readonly account: string;
  /** Null when there is no such service. */
  readonly service: string | null;
  readonly at: Instant;
  readonly resetsAt: Instant;
  readonly verdict: VerdictCode;
  readonly checks: readonly ExplainedCheck[];
}

/**
 * Says of every check whether a request would pass it, and why. Writes nothing and counts nothing. At a later instant its own day, tier and
 * balance hold, as far as they are known now. Throws `not_found` (an environment too) or `ambiguous`.
 */
export async function explainKey(store: Store, wanted: ExplainKey): Promise<Explanation> {
  const { service, environment, ip } = wanted;
  const asked = await store.read(async (tx, now) => {
    const key = await findKey(tx, wanted.reference);
    const request: Request = {
      ...{ subject: { kind: 'key', ref: key.ref }, service: isName(service) ? service : '' },
      environment: environment === null ? null : (await findEnvironment(tx, environment)).name,
      ...{ cost: null, ip, requestId: null, requestIdRule: 'json', dryRun: true, fromShell: false },
    };
    return { key, account: await accountOf(tx, key), request, at: wanted.at ?? now };
  });
  const { key, account, request, at } = asked;
  const [preview] = await store.preview([request], at);
  if (preview === undefined) throw new RangeError('a request without its preview');
  const { verdict, facts } = preview;
  return {
    ...{ keyId: key.id, keyName: key.name, account: account.name, service: facts.service?.name ?? null },
    ...{ at, resetsAt: nextReset(at), verdict: verdict.code, checks: explain(request, facts, at) },
  };
}
