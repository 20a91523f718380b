import { remaining, type Balance } from '../../src/domain/credits.ts';
import { REQUEST_ID_WINDOW_MS, type DebitNumber, type NewDebit, type PriorCharge, type RequestIdRule } from '../../src/domain/debit.ts';
import type { Request } from '../../src/domain/decide.ts';
import type { Account, Key, Ref, Service, Tier } from '../../src/domain/entities.ts';
import { settle, type RunningDay, type Settlement, type SettlingRows, type StoredSpending } from '../../src/domain/settle.ts';
import { dayOf, type Instant, type UtcDay } from '../../src/domain/utc-day.ts';

interface Catalogue {
  readonly services: readonly Service[];
  readonly keys: readonly Key[];
  readonly accounts: readonly Account[];
  readonly tiers: readonly Tier[];
}

/** A store in memory that does what a settlement says and nothing else, so that batches can follow each other. */
export class SettlingRowsInMemory implements SettlingRows {
  catalogue: Catalogue;
  readonly running = new Map<Ref, RunningDay>();
  readonly archive = new Map<string, Balance>();
  readonly adjusted = new Map<string, number>();
  readonly caps = new Map<string, number>();
  readonly priors = new Map<string, PriorCharge>();
  readonly debits: NewDebit[] = [];
  /** How often each row was read, by what it is. */
  readonly reads = new Map<string, number>();
  #nextDebit: DebitNumber = 1;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
  }

  /** Settles and writes, as a store does. Throws where a settlement contradicts itself. */
  settle(requests: readonly Request[], now: Instant): Settlement {
    const settlement = settle(requests, this, now, this.#nextDebit);
    for (const { accountRef, running, displaced, fromArchive } of settlement.accounts) {
      if (remaining(running.balance) < 0) throw new Error('overspent');
      if (displaced !== null) this.archive.set(`${String(accountRef)} ${String(displaced.day)}`, displaced);
      if (fromArchive && !this.archive.delete(`${String(accountRef)} ${String(running.balance.day)}`))
        throw new Error('not in the archive');
      this.running.set(accountRef, running);
    }
    for (const { capGroup, day, spent } of settlement.caps) this.caps.set(`${String(capGroup)} ${String(day)}`, spent);
    for (const { accountRef, requestId, charge } of settlement.requestIds) this.priors.set(`${String(accountRef)} ${requestId}`, charge);
    this.debits.push(...settlement.debits);
    this.#nextDebit = (this.debits.at(-1)?.number ?? 0) + 1;
    return settlement;
  }

  /** An account's books of a day, wherever they are. */
  books(accountRef: Ref, day: UtcDay): Balance | null {
    const running = this.running.get(accountRef)?.balance;
    return running?.day === day ? running : (this.archive.get(`${String(accountRef)} ${String(day)}`) ?? null);
  }

  service(name: string): Service | null {
    return this.catalogue.services.find((service) => service.name === name) ?? null;
  }

  keyByDigest(digest: string): Key | null {
    return this.catalogue.keys.find((key) => key.digest === digest) ?? null;
  }

  key(ref: Ref): Key | null {
    return this.catalogue.keys.find((key) => key.ref === ref) ?? null;
  }

  account(ref: Ref): Account {
    return found(this.catalogue.accounts.find((account) => account.ref === ref));
  }

  tier(name: string): Tier {
    return found(this.catalogue.tiers.find((tier) => tier.name === name));
  }

  spending(accountRef: Ref, day: UtcDay): StoredSpending {
    this.#count(`spending ${String(accountRef)}`);
    const running = this.running.get(accountRef) ?? null;
    const archived = running?.balance.day === day ? null : (this.archive.get(`${String(accountRef)} ${String(day)}`) ?? null);
    return { running, archived, adjusted: this.adjusted.get(`${String(accountRef)} ${String(day)}`) ?? 0 };
  }

  capSpent(capGroup: Ref, day: UtcDay): number {
    this.#count(`cap ${String(capGroup)}`);
    return this.caps.get(`${String(capGroup)} ${String(day)}`) ?? 0;
  }

  priorCharge(accountRef: Ref, requestId: string, now: Instant): PriorCharge | null {
    const prior = this.priors.get(`${String(accountRef)} ${requestId}`);
    return prior !== undefined && prior.expiresAt > now ? prior : null;
  }

  requestIdWindow(rule: RequestIdRule): number {
    return REQUEST_ID_WINDOW_MS[rule];
  }

  #count(row: string): void {
    this.reads.set(row, (this.reads.get(row) ?? 0) + 1);
  }
}

function found<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('no such row');
  return row;
}

/** The sums by which the books of an account and day have to agree with its debits. */
export function spentByDebits(debits: readonly NewDebit[], accountRef: Ref, day: UtcDay): number {
  return debits.filter((debit) => debit.accountRef === accountRef && dayOf(debit.at) === day).reduce((sum, debit) => sum + debit.cost, 0);
}
