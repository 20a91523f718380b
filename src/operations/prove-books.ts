import { DebitTotals } from '../domain/debit-totals.ts';
import type { Ref } from '../domain/entities.ts';
import type { Finding } from '../domain/finding.ts';
import type { ReadTransaction, Snapshots } from '../domain/store.ts';
import { dayOf, MS_PER_SECOND, type UtcDay } from '../domain/utc-day.ts';
import { DebitsOfDay, lookAgain, lookAtRange } from './prove-account-days.ts';
import { proveCaps } from './prove-caps.ts';
import { proveClosedDay, proveDaysAreClosed, SummedBooks } from './prove-closed-days.ts';
import { proveRequestIds } from './prove-request-ids.ts';
import { sideBySide } from './side-by-side.ts';
import type { Progress } from './steps.ts';
import { ToldFindings } from './told-findings.ts';
import { whatIsKept, wholeFrom, type Keeping, type WholeFrom } from './what-is-kept.ts';

/** How many accounts one read looks at: fewer where many have books, more where hardly any has. It begins with no more than would all have books. */
const LEAST_ACCOUNTS = 500;
const MOST_ACCOUNTS = 64_000;
const AIM_FACTS = 4_000;
const SPARSE = 1_000;
/** How many suspects are looked at again in one snapshot, and how many may be wrong indeed before the others are only counted. */
const SUSPECTS_PER_LOOK = 500;
/** Debits of so many days are looked for even where nothing else is stored of the day. */
const MOST_DAYS_WITHOUT_BOOKS = 100;

/** How much was looked at. */
export interface Looked {
  accounts: number;
  days: number;
  /** Books of one account on one day. */
  books: number;
  debits: number;
  requestIds: number;
}

export interface BooksProof {
  readonly findings: readonly Finding[];
  readonly looked: Readonly<Looked>;
  /** The last day with debits that were written by a clock that had stepped back, by how many milliseconds at most. */
  readonly steppedBack: { readonly day: UtcDay; readonly ms: number } | null;
}

/**
 * Proves that the books balance, for every account and day, as far as things are kept. It reads in many short transactions, each of them a
 * consistent snapshot, so that it may run beside a busy server; memory grows by some bytes for each account and not with the debits.
 * `atOnce` is how many days are looked at side by side: whoever reads all of them in one transaction of a database does not wait for each answer.
 */
export async function proveBooks(store: Snapshots, tell: (progress: Progress) => void = () => undefined, atOnce = 1): Promise<BooksProof> {
  const told = new ToldFindings();
  const keeping = await store.read((tx) => whatIsKept(tx));
  const looked: Looked = { accounts: await store.read((tx) => tx.accounts.count({})), days: 0, books: 0, debits: 0, requestIds: 0 };
  const steps: NonNullable<BooksProof['steppedBack']>[] = [];
  let strangers = 0;
  const stored = new Set(await store.read((tx) => tx.proof.days()));
  const days = await store.read(async (tx, now) => daysToProve(stored, await wholeNow(keeping, tx, now), dayOf(now)));
  let done = 0;
  const memories = Array.from({ length: atOnce }, () => [new DebitTotals(), new DebitTotals()] as const);
  await sideBySide(days, memories, async (day, memory) => {
    const proof = new DayProof({ store, told, keeping, memory, accounts: looked.accounts }, day);
    await proof.run(stored.has(day), (share) => {
      tell({ text: 'proving the books', done: done + share, total: days.length });
    });
    done += 1;
    if (proof.books > 0 || (proof.debits?.read ?? 0) > 0) looked.days += 1;
    looked.books += proof.books;
    looked.debits += proof.debits?.read ?? 0;
    strangers += proof.debits?.strangers ?? 0;
    const behindMs = (proof.debits?.behindMicros ?? 0) / 1_000;
    if (behindMs > MS_PER_SECOND) steps.push({ day, ms: behindMs });
  });
  if (strangers > 0) {
    told.fault(
      'debits',
      `${String(strangers)} debits name a key or a service that there is not.`,
      'Keep a copy of the store; look what wrote to it.',
    );
  }
  await store.read(async (tx, now) => proveDaysAreClosed(tx, told, await wholeNow(keeping, tx, now)));
  looked.requestIds = await proveRequestIds(store, told, keeping);
  steps.sort((one, other) => one.day - other.day);
  return { findings: told.findings(sentences(looked)), looked, steppedBack: steps.at(-1) ?? null };
}

async function wholeNow(keeping: Keeping, tx: ReadTransaction, now: number): Promise<WholeFrom> {
  return wholeFrom(keeping, now, await tx.credits.closedThrough());
}

/** Those of which something is stored, and beside them those of which debits would still be kept. */
function daysToProve(stored: ReadonlySet<UtcDay>, whole: WholeFrom, today: UtcDay): readonly UtcDay[] {
  const days = new Set(stored);
  for (let day = Math.max(whole.debits, today - MOST_DAYS_WITHOUT_BOOKS); day <= today; day += 1) days.add(day);
  return [...days].sort((one, other) => one - other);
}

function sentences({ accounts, days, books, debits, requestIds }: Looked): Parameters<ToldFindings['findings']>[0] {
  const of = `accounts: ${String(accounts)}, days: ${String(days)}, books of one account on one day: ${String(books)}`;
  return {
    books: `Granted + adjusted - spent is what remains, and never below zero (${of}).`,
    debits: `What is spent is the sum of the debits less refunds (debits: ${String(debits)}).`,
    usage: 'What is spent is what usage says.',
    adjustments: 'What was given and taken is in the books.',
    grants: 'What is granted is what the tiers give.',
    closed_days: 'The sums of closed days are those of their books.',
    caps: 'What counts towards caps is what their keys spent.',
    request_ids: `Request ids stand for their debits (request ids: ${String(requestIds)}).`,
  };
}

interface Proving {
  readonly store: Snapshots;
  readonly told: ToldFindings;
  readonly keeping: Keeping;
  /** For the debits of one day after the other. */
  readonly memory: readonly [accounts: DebitTotals, caps: DebitTotals];
  readonly accounts: number;
}

/** The proof of one day. */
class DayProof {
  books = 0;
  debits: DebitsOfDay | null = null;
  readonly #store: Snapshots;
  readonly #told: ToldFindings;
  readonly #keeping: Keeping;
  readonly #memory: Proving['memory'];
  readonly #accounts: number;
  readonly #day: UtcDay;
  readonly #sums = new SummedBooks();
  readonly #suspects: Ref[] = [];
  #whole: WholeFrom = { debits: 0, hours: 0, days: 0 };

  constructor({ store, told, keeping, memory, accounts }: Proving, day: UtcDay) {
    this.#accounts = accounts;
    this.#store = store;
    this.#told = told;
    this.#keeping = keeping;
    this.#memory = memory;
    this.#day = day;
  }

  /** `stored` says whether anything but debits may be stored of the day; `tell` is told the share that is done. */
  async run(stored: boolean, tell: (share: number) => void): Promise<void> {
    await this.#readDebits();
    if (!stored && (this.debits?.read ?? 0) === 0) return;
    await this.#walk(tell);
    await this.#lookAgain();
    await proveClosedDay(this.#store, this.#told, this.#day, this.#sums.sums, this.#whole);
    if (this.debits !== null) await proveCaps(this.#store, this.#told, this.debits);
  }

  async #readDebits(): Promise<void> {
    for (let more = true; more;) {
      more = await this.#store.read(async (tx, now) => {
        this.#whole = await wholeNow(this.#keeping, tx, now);
        if (this.#day < this.#whole.debits) return false;
        this.debits ??= new DebitsOfDay(this.#day, this.#memory);
        return this.debits.readOn(tx);
      });
    }
  }

  /** Through all accounts; the last range has no end, so that books of accounts that there are not are found as well. */
  async #walk(tell: (share: number) => void): Promise<void> {
    let size = AIM_FACTS;
    for (let after = Number.MIN_SAFE_INTEGER; after < Number.MAX_SAFE_INTEGER;) {
      const { found, through, last } = await this.#store.read(async (tx) => {
        const last = await tx.accounts.lastRef();
        const end = Math.max(0, after) + size;
        const refs = { after, through: end >= last ? Number.MAX_SAFE_INTEGER : end };
        const { facts, suspects } = await lookAtRange(tx, this.debits, { day: this.#day, refs, whole: this.#whole });
        this.#sums.add(facts);
        for (const ref of suspects) this.#suspects.push(ref);
        return { found: facts.length, through: refs.through, last };
      });
      after = through;
      this.books += found;
      // A number far beyond all others, which only damage makes, is not walked to in steps of thousands.
      const most = last > SPARSE * this.#accounts ? Number.MAX_SAFE_INTEGER : MOST_ACCOUNTS;
      if (found < AIM_FACTS / 2) size = Math.min(most, size * 2);
      else if (found > AIM_FACTS) size = Math.max(LEAST_ACCOUNTS, Math.floor(size / 2));
      tell(Math.min(1, through / Math.max(1, last)));
    }
  }

  async #lookAgain(): Promise<void> {
    const suspects = this.#suspects.splice(0);
    let confirmed = 0;
    for (let from = 0; from < suspects.length; from += SUSPECTS_PER_LOOK) {
      const refs = suspects.slice(from, from + SUSPECTS_PER_LOOK);
      confirmed += await this.#store.read(async (tx, now) => {
        const whole = await wholeNow(this.#keeping, tx, now);
        return lookAgain(tx, this.#told, { day: this.#day, refs, whole });
      });
      const left = suspects.length - from - refs.length;
      if (confirmed < SUSPECTS_PER_LOOK / 2 || left === 0) continue;
      // Enough to know that something is badly wrong: each further look is a pass over all debits of the day.
      this.#told.count('books', left);
      return;
    }
  }
}
