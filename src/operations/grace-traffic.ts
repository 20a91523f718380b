import type { Key, Ref } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { hourOf, MS_PER_HOUR, type Instant } from '../domain/utc-day.ts';

const DAY_MS = 24 * MS_PER_HOUR;

/**
 * Who still comes with a key that another one has replaced. Counted by whole UTC hours, of which the first may have begun before: too
 * much rather than too little for somebody who wants to know whether the key can go.
 */
export interface GraceTraffic {
  /** Admitted requests; they stop when the grace ends. */
  readonly requestsLastHour: number;
  readonly requestsLast24Hours: number;
  /** Denied ones, for whatever reason: after the grace they tell who has not changed over. */
  readonly deniedLastHour: number;
  readonly deniedLast24Hours: number;
}

const NONE: GraceTraffic = { requestsLastHour: 0, requestsLast24Hours: 0, deniedLastHour: 0, deniedLast24Hours: 0 };

/** The remaining traffic of those among the keys that were replaced by a rotation and are not deleted; the others are left out. */
export async function graceTraffic(tx: ReadTransaction, keys: readonly Key[], now: Instant): Promise<ReadonlyMap<Ref, GraceTraffic>> {
  const replaced = keys.filter(({ rotatedTo, deletedAt }) => rotatedTo !== null && deletedAt === null).map(({ ref }) => ref);
  const found = new Map(replaced.map((ref) => [ref, NONE]));
  if (replaced.length === 0) return found;
  const lastHour = hourOf(now - MS_PER_HOUR);
  for (const { keyRef, hour, requests, denied } of await tx.usage.ofKeysByHour(replaced, hourOf(now - DAY_MS), hourOf(now))) {
    const before = found.get(keyRef) ?? NONE;
    const recent = hour >= lastHour ? { requests, denied } : { requests: 0, denied: 0 };
    found.set(keyRef, {
      requestsLastHour: before.requestsLastHour + recent.requests,
      requestsLast24Hours: before.requestsLast24Hours + requests,
      deniedLastHour: before.deniedLastHour + recent.denied,
      deniedLast24Hours: before.deniedLast24Hours + denied,
    });
  }
  return found;
}
