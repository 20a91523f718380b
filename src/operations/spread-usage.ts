import type { Ref, Service } from '../domain/entities.ts';
import type { PastDemand } from '../domain/replay.ts';
import type { Store } from '../domain/store.ts';
import { MS_PER_HOUR, type Instant } from '../domain/utc-day.ts';

/** Into so many parts an hour's requests are spread: the minute in which credits would have run out can be told. */
const PARTS = 60;

/**
 * The requests of one hour whose debits are not kept any more: by account and service, spread evenly over the hour, each at the mean price.
 * No rate limit is asked about them, since nobody knows how close together they came.
 */
export async function spreadUsage(
  store: Store,
  from: Instant,
  accountRef: Ref | null,
  services: readonly Service[],
): Promise<readonly PastDemand[]> {
  const found: PastDemand[] = [];
  const query = { from, to: from + MS_PER_HOUR, table: 'hour', by: 'account', ...(accountRef === null ? {} : { accountRef }) } as const;
  for (const service of new Map(services.map((one) => [one.name, one])).values()) {
    const sums = await store.read((tx) => tx.usage.sums({ ...query, service: service.name }));
    for (const { bucket, requests, credits } of sums) {
      if (requests === 0) continue;
      const alike = { accountRef: bucket, service, cost: Math.round(credits / requests), atNoRate: true, deniedThen: null };
      for (let part = 0; part < PARTS; part += 1) {
        const count = Math.floor(((part + 1) * requests) / PARTS) - Math.floor((part * requests) / PARTS);
        if (count > 0) found.push({ ...alike, count, at: from + Math.floor(((part + 0.5) * MS_PER_HOUR) / PARTS) });
      }
    }
  }
  return found.sort((one, other) => one.at - other.at);
}
