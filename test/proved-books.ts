import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import type { Debit, ReadTransaction } from '../src/domain/store.ts';
import { dayOf, formatDay, startOfDay } from '../src/domain/utc-day.ts';
import { checkProgram } from '../src/operations/check-program.ts';
import { doctor } from '../src/operations/doctor.ts';
import { inspectStore, isUrl, openStore } from '../src/stores/open-store.ts';

export interface ProvedBooks {
  /** What does not hold, one sentence each. None: the file is sound and its books balance. */
  readonly faults: readonly string[];
  readonly debits: readonly Debit[];
  /** What all accounts have spent on all days, less what was given back. */
  readonly spent: number;
}

const MANY = 1_000_000;

/**
 * Opens the store anew, as whoever comes after a failure does, and proves promise 6 with plain loops over what it tells: for every account
 * and day granted + adjusted - spent is not below zero, and spent is the sum of the debits less refunds, and of the usage.
 */
export async function proveBooks(path: string): Promise<ProvedBooks> {
  const { store } = await openStore({ location: path, mode: 'write', clock: Date.now, randomBytes, busyTimeoutMs: 10_000 });
  try {
    const books = await store.read(compare);
    return { ...books, faults: [...(isUrl(path) ? [] : integrity(path)), ...books.faults, ...(await diagnosed(path))] };
  } finally {
    await store.close();
  }
}

/** What `keyctl doctor` finds wrong with the store: it and the loops here know nothing of each other. */
async function diagnosed(path: string): Promise<readonly string[]> {
  const [clock, tell] = [Date.now, () => undefined];
  const inspection = await inspectStore({ location: path, clock, randomBytes, busyTimeoutMs: 10_000, quick: false, tell });
  try {
    const program = checkProgram(undefined, path);
    const { findings } = await doctor(inspection, { quick: false, program, clock, tell });
    return findings.filter(({ severity }) => severity === 'error').map(({ id, message }) => `doctor, ${id}: ${message}`);
  } finally {
    await inspection.close();
  }
}

function integrity(path: string): string[] {
  const db = new Database(path);
  try {
    const found = (db.pragma('integrity_check') as { integrity_check: string }[]).map((row) => row.integrity_check);
    const orphans = (db.pragma('foreign_key_check') as unknown[]).length;
    return [...found.filter((line) => line !== 'ok'), ...(orphans === 0 ? [] : [`${String(orphans)} rows without what they refer to`])];
  } finally {
    db.close();
  }
}

async function compare(tx: ReadTransaction): Promise<ProvedBooks> {
  const debits = await tx.debits.page({}, null, MANY);
  const accounts = await tx.accounts.page({}, { after: 0, limit: MANY });
  const days = new Set([...debits.map((debit) => dayOf(debit.at)), ...(await tx.credits.storedDays(0))]);
  const faults: string[] = [];
  let total = 0;
  for (const day of days) {
    const ofDay = debits.filter((debit) => dayOf(debit.at) === day);
    const period = { from: startOfDay(day), to: startOfDay(day + 1), by: 'account' } as const;
    const [byDay, byHour] = [await tx.usage.sums({ ...period, table: 'day' }), await tx.usage.sums({ ...period, table: 'hour' })];
    const refs = accounts.map(({ ref }) => ref);
    const balances = await tx.credits.balances(refs, day);
    for (const ref of refs) {
      const own = ofDay.filter((debit) => debit.accountRef === ref);
      const { granted, adjusted, spent } = balances.get(ref) ?? { granted: 0, adjusted: 0, spent: 0 };
      const debited = own.filter((debit) => debit.refundedAt === null).reduce((sum, debit) => sum + debit.cost, 0);
      const used = [byDay, byHour].map((sums) => sums.find(({ bucket }) => bucket === ref));
      const seen = [spent, ...used.map((sum) => sum?.credits ?? 0)];
      const counted = used.map((sum) => sum?.requests ?? 0);
      const where = `account ${String(ref)} on ${formatDay(day)}`;
      if (seen.some((sum) => sum !== debited)) faults.push(`${where}: debited ${String(debited)}, but spent and used ${seen.join(', ')}`);
      if (counted.some((count) => count !== own.length))
        faults.push(`${where}: ${String(own.length)} debits, counted ${counted.join(', ')}`);
      if (granted + adjusted - spent < 0) faults.push(`${where}: below zero`);
      total += spent;
    }
  }
  return { faults, debits, spent: total };
}
