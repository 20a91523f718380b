import { DenialTally } from '../domain/denial-tally.ts';
import type { Request } from '../domain/decide.ts';
import { tierOn } from '../domain/entities.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Actor, ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';
import type { DenialCode, Verdict } from '../domain/verdict.ts';
import type { ChargeReport } from './charge-report.ts';
import { findAccountOrOnly } from './find-account.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';
import { findService } from './find-service.ts';

export interface ChargeRequests {
  /** A name or id; undefined for the key's account, or the only one. */
  readonly account: string | undefined;
  readonly key: KeyReference | undefined;
  readonly service: string;
  readonly requests: number;
}

/** Small enough that another process waits only a moment for the write lock, large enough that a million requests take seconds. */
const REQUESTS_PER_SETTLE = 500;

/**
 * Charges an account, or one of its keys, for a number of requests, and takes what fits. It obeys status, credits and cap, not the
 * addresses nor the rate; what is denied is counted as denied. `progress` is told how many are decided. Throws `not_found` or `usage`
 * before anything is charged; a failure in between leaves charged what was.
 */
export async function chargeRequests(
  store: Store,
  wanted: ChargeRequests,
  actor: Actor,
  progress: (decided: number) => void = () => undefined,
): Promise<ChargeReport> {
  const target = await store.read((tx, now) => findTarget(tx, wanted, now));
  const request: Request = {
    ...{ subject: target.subject, service: wanted.service, environment: null, cost: null, ip: null },
    ...{ requestId: null, requestIdRule: 'json', dryRun: false, fromShell: true },
  };
  const count = new Count();
  for (let decided = 0; decided < wanted.requests;) {
    const size = Math.min(REQUESTS_PER_SETTLE, wanted.requests - decided);
    const verdicts = await tellingCharged(count, store.settle(Array.from({ length: size }, () => request)));
    const now = await store.read((_, at) => Promise.resolve(at));
    for (const verdict of verdicts) count.add(verdict, now);
    decided += size;
    progress(decided);
  }
  const report = { account: target.account, tier: target.tier, requests: wanted.requests, ...count.sums(), dryRun: false };
  const recorded = store.write(async (tx, now) => {
    await tx.usage.addDenials(count.denials());
    const { requests, accepted, cost } = report;
    await tx.audit.append({
      ...{ at: now, actor, action: 'account.charge', targetKind: 'account', targetId: target.accountId, targetName: target.account },
      before: null,
      after: { key: target.keyId, service: wanted.service, requests, accepted, cost },
    });
  });
  await tellingCharged(count, recorded);
  return report;
}

/** When the store fails in the middle, the failure says what was charged by then: who only repeats the command charges that again. */
async function tellingCharged<Result>(count: Count, act: Promise<Result>): Promise<Result> {
  try {
    return await act;
  } catch (error) {
    const { accepted } = count.sums();
    if (!(error instanceof KeyctlError) || accepted === 0) throw error;
    throw new KeyctlError(
      error.code,
      `${error.message} ${String(accepted)} ${accepted === 1 ? 'request was' : 'requests were'} charged before.`,
      {
        hint: 'That stands. Once the store can be written again, see: keyctl debits',
        cause: error,
      },
    );
  }
}

interface Target {
  readonly subject: Request['subject'];
  readonly account: string;
  readonly accountId: string;
  readonly keyId: string | null;
  readonly tier: string;
}

async function findTarget(tx: ReadTransaction, wanted: ChargeRequests, now: Instant): Promise<Target> {
  await findService(tx, wanted.service);
  const key = wanted.key === undefined ? null : checkNotDeleted(await findKey(tx, wanted.key), now);
  const account = key === null ? await findAccountOrOnly(tx, wanted.account) : await tx.accounts.byRef(key.accountRef);
  if (account === null) throw new RangeError('a key without its account');
  return {
    subject: key === null ? { kind: 'account', ref: account.ref } : { kind: 'key', ref: key.ref },
    account: account.name,
    accountId: account.id,
    keyId: key?.id ?? null,
    tier: tierOn(account, dayOf(now)),
  };
}

/** Adds verdicts up. */
class Count {
  readonly #tally = new DenialTally();
  readonly #denied: Partial<Record<DenialCode, number>> = {};
  #accepted = 0;
  #cost = 0;
  #remaining = 0;
  #exhaustedAt: Instant | null = null;
  #endsAt: Instant = 0;

  add(verdict: Verdict, at: Instant): void {
    const { code, cost, credits } = verdict;
    this.#endsAt = at;
    this.#remaining = credits?.remaining ?? this.#remaining;
    if (code === 'ok') {
      this.#accepted += 1;
      this.#cost += cost ?? 0;
      return;
    }
    if (code === 'insufficient_credits') this.#exhaustedAt ??= at;
    this.#denied[code] = (this.#denied[code] ?? 0) + 1;
    this.#tally.add(verdict, null, at);
  }

  sums(): Pick<ChargeReport, 'accepted' | 'denied' | 'cost' | 'remaining' | 'exhaustedAt' | 'endsAt'> {
    return {
      ...{ accepted: this.#accepted, denied: this.#denied, cost: this.#cost },
      ...{ remaining: this.#remaining, exhaustedAt: this.#exhaustedAt, endsAt: this.#endsAt },
    };
  }

  denials(): ReturnType<DenialTally['take']> {
    return this.#tally.take();
  }
}
