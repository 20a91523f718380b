import { usageError } from '../domain/error.ts';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { checkServicesExist } from './find-environment.ts';

/** The default of every service. */
export const EVERY_SERVICE = '*';

/** What is to become of a tier's limit for one service. */
export interface LimitEdit {
  /** A service's name, or `*`. */
  readonly service: string;
  /** Requests per second; `none` takes the limit away, `kept` leaves the rate as it is. */
  readonly rate: number | 'none' | 'kept';
  /** Null where it is not said: a burst that was the rate goes on to be the rate, one that was set stays. */
  readonly burst: number | null;
}

/** A tier's limits after the edits, by service. Throws `not_found` for an unknown service, `usage` for a burst without a rate. */
export async function applyLimits(
  tx: ReadTransaction,
  limits: ReadonlyMap<string, RateLimit>,
  edits: readonly LimitEdit[],
): Promise<ReadonlyMap<string, RateLimit>> {
  await checkServicesExist(
    tx,
    edits.map((edit) => edit.service).filter((service) => service !== EVERY_SERVICE),
  );
  const edited = new Map(limits);
  for (const edit of edits) {
    const limit = applied(edit, limits.get(edit.service) ?? null);
    if (limit === null) edited.delete(edit.service);
    else edited.set(edit.service, limit);
  }
  return new Map([...edited].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function applied({ rate, burst }: LimitEdit, before: RateLimit | null): RateLimit | null {
  if (rate === 'none') return null;
  if (rate === 'kept') {
    if (before === null || burst === null)
      throw usageError('--burst needs a rate: the tier has none.', 'Give --rate as well, such as --rate 10/s.');
    return { requestsPerSecond: before.requestsPerSecond, burst };
  }
  const wasSet = before !== null && before.burst !== before.requestsPerSecond;
  return { requestsPerSecond: rate, burst: burst ?? (wasSet ? before.burst : rate) };
}

export function sameLimits(one: ReadonlyMap<string, RateLimit>, other: ReadonlyMap<string, RateLimit>): boolean {
  if (one.size !== other.size) return false;
  return [...one].every(([service, limit]) => {
    const found = other.get(service);
    return found?.requestsPerSecond === limit.requestsPerSecond && found.burst === limit.burst;
  });
}
