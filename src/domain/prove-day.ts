import { remaining, type Balance } from './credits.ts';
import type { CheckId } from './finding.ts';
import type { DayFacts, DebitSum } from './proof.ts';

/** What can be known of a day: what was pruned says nothing. */
export interface DayTerms {
  /** The credits that the account's tier gives on the day; null where the tier is not known. */
  readonly allowance: number | null;
  /** Books, and usage by the day, are still whole; and so is usage by the hour. */
  readonly booksWhole: boolean;
  readonly hoursWhole: boolean;
}

/** Two places that say different things of one account's day, or one that says what cannot be. */
export interface Disagreement {
  readonly id: CheckId;
  /** What stands there, for a sentence that has begun with the account and the day. */
  readonly what: string;
}

/**
 * What must hold of an account's day: granted + adjusted - spent >= 0; spent is the sum of its debits less refunds, and of its usage;
 * adjusted is the sum of its adjustments; granted is what its tier gives. `debits` is null where not all of them are kept.
 */
export function disagreements(facts: DayFacts, debits: Omit<DebitSum, 'ref'> | null, terms: DayTerms): readonly Disagreement[] {
  const found: Disagreement[] = [];
  const { books, account } = facts;
  if (account === null) found.push({ id: 'books', what: 'there are books or usage, but no such account' });
  if (books.length > 1) found.push({ id: 'books', what: 'the books are stored twice' });
  for (const balance of books) found.push(...belowZero(balance));
  if (!terms.booksWhole) return found;
  const [balance] = books;
  if (balance === undefined) return [...found, ...withoutBooks(facts, debits, terms)];
  found.push(...spending(balance, facts, debits, terms));
  if (balance.adjusted !== facts.adjusted) {
    const what = `${String(balance.adjusted)} credits adjusted, but the adjustments come to ${String(facts.adjusted)}`;
    found.push({ id: 'adjustments', what });
  }
  if (account !== null) found.push(...grant(balance, facts, debits, terms));
  return found;
}

function belowZero(balance: Balance): readonly Disagreement[] {
  const { granted, adjusted, spent } = balance;
  const whole = [granted, adjusted, spent].every((credits) => Number.isSafeInteger(credits));
  if (whole && granted >= 0 && spent >= 0 && remaining(balance) >= 0) return [];
  return [{ id: 'books', what: `${String(granted)} granted, ${String(adjusted)} adjusted and ${String(spent)} spent cannot be` }];
}

function withoutBooks({ usedByHour }: DayFacts, debits: Omit<DebitSum, 'ref'> | null, { hoursWhole }: DayTerms): readonly Disagreement[] {
  const found: Disagreement[] = [];
  if (debits !== null && debits.debits > 0) found.push({ id: 'debits', what: `${String(debits.debits)} debits, but no books` });
  if (hoursWhole && (usedByHour.requests !== 0 || usedByHour.credits !== 0)) {
    found.push({ id: 'usage', what: `usage of ${String(usedByHour.credits)} credits, but no books` });
  }
  return found;
}

function spending(
  { spent }: Balance,
  { usedByDay, usedByHour }: DayFacts,
  debits: Omit<DebitSum, 'ref'> | null,
  { hoursWhole }: DayTerms,
): readonly Disagreement[] {
  const found: Disagreement[] = [];
  const differs = (id: CheckId, what: string): void => void found.push({ id, what: `${String(spent)} credits spent, but ${what}` });
  if (debits !== null && debits.cost - debits.refunded !== spent) {
    differs('debits', `its debits less refunds come to ${String(debits.cost - debits.refunded)}`);
  }
  if (usedByDay !== null && usedByDay !== spent) differs('usage', `its daily usage comes to ${String(usedByDay)}`);
  if (!hoursWhole) return found;
  if (usedByHour.credits !== spent) differs('usage', `its hourly usage comes to ${String(usedByHour.credits)}`);
  if (debits !== null && debits.debits === usedByHour.requests && debits.mark !== usedByHour.mark) {
    found.push({ id: 'usage', what: `its hourly usage is of other hours, keys or services than its ${String(debits.debits)} debits` });
  }
  if (debits !== null && debits.debits !== usedByHour.requests) {
    found.push({ id: 'usage', what: `${String(debits.debits)} debits, but ${String(usedByHour.requests)} requests in its hourly usage` });
  }
  return found;
}

/**
 * A grant is never less than what the tier gives. It is more only where it was changed at once after more had been spent or taken than that:
 * then it was what had been spent less what was adjusted, and nobody spends more than all debits cost or takes more than was ever taken.
 */
function grant(
  { granted }: Balance,
  { account, taken }: DayFacts,
  debits: Omit<DebitSum, 'ref'> | null,
  { allowance }: DayTerms,
): readonly Disagreement[] {
  if (allowance === null) return [{ id: 'grants', what: `the account is on a tier that there is not` }];
  if (granted === allowance) return [];
  const tier = `the tier ${account?.tier ?? ''} gives ${String(allowance)}`;
  if (granted < allowance) return [{ id: 'grants', what: `${String(granted)} credits granted, but ${tier}` }];
  if (debits === null || granted <= debits.cost - taken) return [];
  return [
    { id: 'grants', what: `${String(granted)} credits granted, but ${tier}, and no more than ${String(debits.cost)} were ever spent` },
  ];
}
