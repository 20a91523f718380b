import { debitId, firstDebitNumber } from '../domain/debit.ts';
import type { ReadTransaction, RequestIdPlace, Snapshots } from '../domain/store.ts';
import { dayOf, startOfDay } from '../domain/utc-day.ts';
import type { ToldFindings } from './told-findings.ts';
import { wholeFrom, type Keeping } from './what-is-kept.ts';

const PER_READ = 5_000;

/** Every request id that is remembered stands for a debit of the same account, key, service and price. Returns how many there are. */
export async function proveRequestIds(store: Snapshots, told: ToldFindings, keeping: Keeping): Promise<number> {
  let place: RequestIdPlace | null = null;
  let looked = 0;
  for (;;) {
    const after: RequestIdPlace | null = place;
    const step: Looked = await store.read((tx, now) => lookOn(tx, told, wholeFrom(keeping, now, dayOf(now)).debits, after));
    looked += step.looked;
    place = step.last;
    if (step.looked < PER_READ) return looked;
  }
}

interface Looked {
  readonly looked: number;
  readonly last: RequestIdPlace | null;
}

async function lookOn(tx: ReadTransaction, told: ToldFindings, from: number, after: RequestIdPlace | null): Promise<Looked> {
  const { strays, ...step } = await tx.proof.strayRequestIds(after, PER_READ, firstDebitNumber(startOfDay(from)));
  for (const { accountRef, debit, missing } of strays) {
    const account = (await tx.accounts.byRef(accountRef))?.name ?? null;
    const id = debitId(debit);
    // SECURITY: the request id itself is not told, it may be anything.
    told.fault(
      'request_ids',
      missing
        ? `A request id of ${account ?? 'an unknown account'} stands for the debit ${id}, which is not there.`
        : `A request id of ${account ?? 'an unknown account'} and the debit ${id} that it stands for do not agree.`,
      'A retry with that id is answered as charged although it was not, or refused. Keep a copy of the store, and look what wrote to it.',
      { account },
    );
  }
  return step;
}
