import type { Ref, Service } from '../domain/entities.ts';
import { TIER_DENIALS, type PastDemand, type TierDenial } from '../domain/replay.ts';
import type { Debit, DebitFilter, Denial, Store } from '../domain/store.ts';
import { hourOf, MS_PER_HOUR, MS_PER_SECOND, type Instant, type UtcHour } from '../domain/utc-day.ts';
import { spreadUsage } from './spread-usage.ts';

/** Half-open, of whole hours but for its end; `accountRef` is null for everybody. */
export interface PastPeriod {
  readonly from: Instant;
  readonly to: Instant;
  readonly accountRef: Ref | null;
  /** Every debit from here on is kept. */
  readonly debitsFrom: Instant;
}

export interface PastStretch {
  /** In the order of their times. */
  readonly demands: readonly PastDemand[];
  readonly to: Instant;
}

/** How many rows are read at a time: some hundredths of a second, so that no reader holds back the log for long. */
const PAGE = 5_000;

interface Source {
  readonly store: Store;
  readonly filter: Pick<DebitFilter, 'accountRef'>;
  /** Deleted ones too, by their refs, without the environment that they were bound to: whoever was admitted had the right one. */
  readonly services: ReadonlyMap<Ref, Service>;
}

/**
 * What was asked for in a period, admitted and denied, page by page, so that memory stays flat however many debits there are. Hours whose
 * debits are gone are told by the usage of the hour, spread evenly; a debit that was refunded costs nothing.
 */
export async function* pastDemand(store: Store, period: PastPeriod): AsyncGenerator<PastStretch> {
  const ever = await store.read((tx) => tx.catalogue.servicesEver());
  const services = new Map(ever.map((service) => [service.ref, { ...service, environment: null }]));
  const source = { store, services, filter: period.accountRef === null ? {} : { accountRef: period.accountRef } };
  for (const hour of await busyHours(store, period)) {
    const [from, to] = [hour * MS_PER_HOUR, Math.min((hour + 1) * MS_PER_HOUR, period.to)];
    const spread = from < period.debitsFrom ? await spreadUsage(store, from, period.accountRef, [...services.values()]) : null;
    yield* stretch(source, from, to, spread);
    yield { demands: [], to };
  }
}

/** For one account the hours in which anything was asked for: between them a large store has many debits of others. */
async function busyHours(store: Store, { from, to, accountRef }: PastPeriod): Promise<readonly UtcHour[]> {
  const all = { from, to: Math.ceil(to / MS_PER_HOUR) * MS_PER_HOUR };
  if (accountRef === null) return Array.from({ length: hourOf(all.to) - hourOf(from) }, (_, index) => hourOf(from) + index);
  const sums = await store.read((tx) => tx.usage.sums({ ...all, table: 'hour', by: 'hour', accountRef }));
  return sums.map(({ bucket }) => bucket);
}

async function* stretch(source: Source, from: Instant, to: Instant, spread: readonly PastDemand[] | null): AsyncGenerator<PastStretch> {
  const denied = await deniedIn(source, from, to);
  if (denied === null) {
    // More denials than one page holds: half the time at once.
    const middle = Math.floor((from + to) / 2);
    yield* stretch(source, from, middle, spread);
    yield* stretch(source, middle, to, spread);
    return;
  }
  const rest = [...denied];
  const admitted = spread === null ? debitsIn(source, from, to) : [spread.filter(({ at }) => at >= from && at < to)];
  for await (const page of admitted) {
    const last = page.at(-1)?.at ?? from;
    const before = rest.findIndex(({ at }) => at > last);
    const earlier = rest.splice(0, before === -1 ? rest.length : before);
    yield { demands: [...page, ...earlier].sort((one, other) => one.at - other.at), to: last };
  }
  if (rest.length > 0) yield { demands: rest, to };
}

async function* debitsIn({ store, filter, services }: Source, since: Instant, until: Instant): AsyncGenerator<readonly PastDemand[]> {
  for (let after = 0; ;) {
    const cursor: number = after;
    const page = await store.read((tx) => tx.debits.since({ ...filter, since, until }, cursor, PAGE));
    yield page.flatMap((debit) => admittedDemand(debit, services));
    after = page.at(-1)?.number ?? after;
    if (page.length < PAGE) return;
  }
}

function admittedDemand(
  { at, accountRef, serviceRef, cost, refundedAt, keyRef }: Debit,
  services: Source['services'],
): readonly PastDemand[] {
  const service = services.get(serviceRef);
  if (service === undefined) return [];
  return [{ at, accountRef, service, cost: refundedAt === null ? cost : 0, count: 1, atNoRate: keyRef === null, deniedThen: null }];
}

/** The requests denied in a time that a tier could have admitted, oldest first, or null where they are too many for one page. */
async function deniedIn({ store, filter, services }: Source, since: Instant, until: Instant): Promise<readonly PastDemand[] | null> {
  const byName = new Map([...services.values()].map((service) => [service.name, service]));
  const found: PastDemand[] = [];
  for (const code of TIER_DENIALS) {
    let before: Denial | null = null;
    for (;;) {
      const cursor: Denial | null = before;
      const page: readonly Denial[] = await store.read((tx) => tx.usage.denials({ ...filter, since, until, code }, PAGE, cursor));
      if (page.length === PAGE && until - since > MS_PER_SECOND) return null;
      found.push(...page.flatMap((denial) => deniedDemand(denial, code, byName)));
      before = page.at(-1) ?? null;
      if (page.length < PAGE) break;
    }
  }
  return found.sort((one, other) => one.at - other.at);
}

/** A denied request has no price on record: it is today's. */
function deniedDemand(
  { at, accountRef, service: name, count }: Denial,
  code: TierDenial,
  byName: ReadonlyMap<string, Service>,
): readonly PastDemand[] {
  const service = byName.get(name ?? '');
  if (accountRef === null || service === undefined) return [];
  return [{ at, accountRef, service, cost: service.cost, count, atNoRate: false, deniedThen: code }];
}
