import { DebitTotals } from '../domain/debit-totals.ts';
import type { DebitNumber } from '../domain/debit.ts';
import { creditsOn, type Ref } from '../domain/entities.ts';
import { disagreements, type DayTerms, type Disagreement } from '../domain/prove-day.ts';
import type { DayFacts, ReadTransaction, RefRange } from '../domain/store.ts';
import { formatDay, type UtcDay } from '../domain/utc-day.ts';
import type { ToldFindings } from './told-findings.ts';
import type { WholeFrom } from './what-is-kept.ts';

const DEBITS_PER_LOOK = 20_000;

/** The debits of one day as far as they were read: whoever reads on in a later snapshot adds those that came since. */
export class DebitsOfDay {
  readonly day: UtcDay;
  readonly accounts: DebitTotals;
  readonly caps: DebitTotals;
  read = 0;
  strangers = 0;
  behindMicros = 0;
  #through: DebitNumber | null = null;

  /** `memory` is that of another day, which is forgotten. */
  constructor(day: UtcDay, memory: readonly [accounts: DebitTotals, caps: DebitTotals]) {
    this.day = day;
    [this.accounts, this.caps] = memory;
    for (const totals of memory) totals.clear();
  }

  /** Reads the next ones. False where the snapshot has no more. */
  async readOn(tx: ReadTransaction): Promise<boolean> {
    const sums = await tx.proof.debitsOf(this.day, this.#through, DEBITS_PER_LOOK);
    this.#through = sums.through;
    this.accounts.add(sums.accounts);
    this.caps.add(sums.caps);
    this.read += sums.debits;
    this.strangers += sums.strangers;
    this.behindMicros = Math.max(this.behindMicros, sums.behindMicros);
    return !sums.done;
  }

  /** Reads all that the snapshot has. */
  async catchUp(tx: ReadTransaction): Promise<void> {
    while (await this.readOn(tx));
  }
}

/** What an account's tier gives on a day, each tier looked up once for a snapshot. */
export async function allowances(tx: ReadTransaction, day: UtcDay, facts: readonly DayFacts[]): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const name of new Set(facts.map(({ account }) => account?.tier ?? ''))) {
    const tier = await tx.tiers.byName(name);
    if (tier !== null) found.set(name, creditsOn(tier, day));
  }
  return found;
}

export function termsOf({ account }: DayFacts, day: UtcDay, given: ReadonlyMap<string, number>, whole: WholeFrom): DayTerms {
  const allowance = given.get(account?.tier ?? '') ?? null;
  return { allowance, booksWhole: day >= whole.days, hoursWhole: day >= whole.hours };
}

/** Tells what is wrong with an account's day. */
export function tellAll(told: ToldFindings, { accountRef, account }: DayFacts, day: UtcDay, found: readonly Disagreement[]): void {
  const name = account?.name ?? null;
  const [from, until] = [formatDay(day), formatDay(day + 1)];
  const hint =
    name === null
      ? 'Keep a copy of the store, and look what wrote to it beside keyctl.'
      : `Keep a copy of the store. Compare: keyctl debits --account ${name} --since ${from} --until ${until}, and keyctl audit --target ${name}`;
  for (const { id, what } of found) {
    told.fault(id, `${name ?? `Account number ${String(accountRef)}`} on ${from}: ${what}.`, hint, { account: name, day });
  }
}

/** What a range of accounts has on a day, and those of them that do not agree with the debits that were read in several snapshots. */
export async function lookAtRange(
  tx: ReadTransaction,
  debits: DebitsOfDay | null,
  { day, refs, whole }: { readonly day: UtcDay; readonly refs: RefRange; readonly whole: WholeFrom },
): Promise<{ readonly facts: readonly DayFacts[]; readonly suspects: readonly Ref[] }> {
  await debits?.catchUp(tx);
  const facts = await tx.proof.factsIn(day, refs);
  const given = await allowances(tx, day, facts);
  const seen = new Set(facts.map(({ accountRef }) => accountRef));
  const unseen = debits === null ? [] : [...debits.accounts.between(refs.after, refs.through)].filter(({ ref }) => !seen.has(ref));
  const wrong = facts.filter((fact) => {
    return disagreements(fact, debits?.accounts.of(fact.accountRef) ?? null, termsOf(fact, day, given, whole)).length > 0;
  });
  return { facts, suspects: [...wrong.map(({ accountRef }) => accountRef), ...unseen.map(({ ref }) => ref)] };
}

const NOTHING = { account: null, books: [], adjusted: 0, taken: 0, usedByDay: null, usedByHour: { requests: 0, mark: 0, credits: 0 } };

/**
 * Looks at some accounts again, all in one snapshot: a refund between two snapshots makes sound books look wrong. Returns how many are wrong
 * indeed.
 */
export async function lookAgain(
  tx: ReadTransaction,
  told: ToldFindings,
  { day, refs, whole }: { readonly day: UtcDay; readonly refs: readonly Ref[]; readonly whole: WholeFrom },
): Promise<number> {
  const sums = day < whole.debits ? null : new Map((await tx.proof.debitsOfSome(day, 'account', refs)).map((sum) => [sum.ref, sum]));
  let wrong = 0;
  for (const accountRef of refs) {
    const [stored] = await tx.proof.factsIn(day, { after: accountRef - 1, through: accountRef });
    const fact = stored ?? { ...NOTHING, accountRef, account: await nameOf(tx, accountRef) };
    const terms = termsOf(fact, day, await allowances(tx, day, [fact]), whole);
    const found = disagreements(fact, sums === null ? null : (sums.get(accountRef) ?? { debits: 0, mark: 0, cost: 0, refunded: 0 }), terms);
    tellAll(told, fact, day, found);
    if (found.length > 0) wrong += 1;
  }
  return wrong;
}

async function nameOf(tx: ReadTransaction, ref: Ref): Promise<DayFacts['account']> {
  const account = await tx.accounts.byRef(ref);
  return account === null ? null : { name: account.name, tier: '' };
}
