import { fine, type Finding } from '../domain/finding.ts';
import { disagreements } from '../domain/prove-day.ts';
import type { ReadTransaction, RefRange, Store } from '../domain/store.ts';
import { dayOf } from '../domain/utc-day.ts';
import { allowances, tellAll, termsOf } from './prove-account-days.ts';
import { ToldFindings } from './told-findings.ts';

/** Spread over all accounts, and beside them those that spent last. */
const RANGES = 20;
const ACCOUNTS_PER_RANGE = 25;
const NEWEST_DEBITS = 200;
const NEWEST_ACCOUNTS = 50;

/** Today's books of some accounts, on one snapshot, against all that is stored of them but their debits: those are not found by account. */
export function sampleBooks(store: Store): Promise<readonly Finding[]> {
  return store.read(async (tx, now) => {
    const told = new ToldFindings();
    const day = dayOf(now);
    let books = 0;
    for (const refs of await rangesOf(tx)) {
      const facts = await tx.proof.factsIn(day, refs);
      const given = await allowances(tx, day, facts);
      // Nothing of a running day is ever pruned.
      const whole = { debits: day, hours: day, days: day };
      for (const fact of facts) tellAll(told, fact, day, disagreements(fact, null, termsOf(fact, day, given, whole)));
      books += facts.length;
    }
    const wrong = told.findings({});
    return wrong.length > 0
      ? wrong
      : [fine('books', `${String(books)} of today's books hold, as far as they are told without their debits.`)];
  });
}

/** Of no account twice. */
async function rangesOf(tx: ReadTransaction): Promise<readonly RefRange[]> {
  const last = await tx.accounts.lastRef();
  const stride = Math.max(ACCOUNTS_PER_RANGE, Math.ceil(last / RANGES));
  const ranges = Array.from({ length: Math.ceil(last / stride) }, (_, index) => ({
    after: index * stride,
    through: Math.min(last, index * stride + ACCOUNTS_PER_RANGE),
  }));
  const newest = new Set((await tx.debits.page({}, null, NEWEST_DEBITS)).map(({ accountRef }) => accountRef));
  const others = [...newest].filter((ref) => !ranges.some(({ after, through }) => ref > after && ref <= through));
  return [...ranges, ...others.slice(0, NEWEST_ACCOUNTS).map((ref) => ({ after: ref - 1, through: ref }))];
}
