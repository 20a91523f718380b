import type { Key, Ref } from '../domain/entities.ts';
import type { CapSpending, DebitSum, ReadTransaction, Snapshots } from '../domain/store.ts';
import { dayOf, formatDay, type UtcDay } from '../domain/utc-day.ts';
import type { DebitsOfDay } from './prove-account-days.ts';
import type { ToldFindings } from './told-findings.ts';

const PER_READ = 1_000;

/**
 * What is counted towards the caps of keys, against the debits of the keys: never more than these cost, and, where a live key has the cap
 * today, never less than they cost less refunds, or the keys could spend more than their cap.
 */
export async function proveCaps(store: Snapshots, told: ToldFindings, debits: DebitsOfDay): Promise<void> {
  for (let after: Ref | null = 0; after !== null;) {
    const from: Ref = after;
    after = await store.read(async (tx, now) => {
      await debits.catchUp(tx);
      const rows = await tx.proof.capsOn(debits.day, { after: from, limit: PER_READ });
      const last = rows.length < PER_READ ? null : (rows.at(-1)?.capGroup ?? null);
      const isToday = debits.day === dayOf(now);
      const suspects = rows.filter((row) => wrong(row, debits.caps.of(row.capGroup), isToday));
      const missing = isToday ? await withoutRow(tx, rows, debits, from, last) : [];
      for (const capGroup of [...suspects.map((row) => row.capGroup), ...missing]) await lookAgain(tx, told, debits.day, capGroup, isToday);
      return last;
    });
  }
}

function wrong({ spent, capped }: CapSpending, { cost, refunded }: DebitSum, isToday: boolean): boolean {
  return spent > cost || (isToday && capped && spent < cost - refunded);
}

async function withoutRow(
  tx: ReadTransaction,
  rows: readonly CapSpending[],
  debits: DebitsOfDay,
  after: Ref,
  through: Ref | null,
): Promise<readonly Ref[]> {
  const present = new Set(rows.map(({ capGroup }) => capGroup));
  const absent = [...debits.caps.between(after, through ?? debits.caps.last)].filter(({ ref, cost }) => cost > 0 && !present.has(ref));
  return [...(await tx.proof.cappedAmong(absent.map(({ ref }) => ref)))];
}

/** All in one snapshot: a refund between two makes sound caps look wrong. */
async function lookAgain(tx: ReadTransaction, told: ToldFindings, day: UtcDay, capGroup: Ref, isToday: boolean): Promise<void> {
  const chain = await tx.keys.byCapGroup(capGroup);
  const spent = await tx.credits.capSpent(capGroup, day);
  const capped = chain.some((key) => key.dailyCap !== null && key.deletedAt === null);
  const [sum = { ref: capGroup, debits: 0, mark: 0, cost: 0, refunded: 0 }] = await tx.proof.debitsOfSome(day, 'cap', [capGroup]);
  if (!wrong({ capGroup, spent, capped }, sum, isToday)) return;
  if (spent <= sum.cost && (await cappedOnAnotherDay(tx, chain, day))) return;
  const key = chain.at(-1);
  const name = key === undefined ? `the keys of number ${String(capGroup)}` : `the key ${key.id}`;
  told.fault(
    'caps',
    `${formatDay(day)}: ${String(spent)} credits count towards the cap of ${name}, but its debits cost ${String(sum.cost)}, of which ${String(sum.refunded)} were refunded.`,
    key === undefined
      ? 'Keep a copy of the store, and look what wrote to it beside keyctl.'
      : `Set the cap again, which counts the day anew: keyctl edit ${key.id} --daily-cap ${String(key.dailyCap ?? 0)}`,
    { day },
  );
}

/** A cap that was set while the clock stood on another day has counted that other day. */
async function cappedOnAnotherDay(tx: ReadTransaction, chain: readonly Key[], day: UtcDay): Promise<boolean> {
  const edits = await tx.audit.page({ action: 'key.edit', targets: chain.map(({ id }) => id) }, null, PER_READ);
  return edits.some(({ at, after }) => dayOf(at) !== day && after !== null && 'dailyCap' in after);
}
