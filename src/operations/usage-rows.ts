import { tierOn, type Account, type Ref } from '../domain/entities.ts';
import type { ReadTransaction, UsageSum } from '../domain/store.ts';
import { dayOf, formatDay, formatInstant, MS_PER_DAY, MS_PER_HOUR, type Instant } from '../domain/utc-day.ts';
import { VERDICT_STATUS, type DenialCode } from '../domain/verdict.ts';
import type { UsagePeriod } from './usage-period.ts';

export type Denied = Readonly<Partial<Record<DenialCode, number>>>;

export interface UsageRow {
  /** An hour's instant, a date, or a name; null for what no account, key or service is known of. */
  readonly bucket: string | null;
  readonly account: string | null;
  readonly accountId: string | null;
  readonly externalId: string | null;
  readonly tier: string | null;
  /** Admitted requests. */
  readonly requests: number;
  readonly credits: number;
  readonly denied: Denied;
}

export interface UsageTotal {
  readonly requests: number;
  readonly credits: number;
  readonly denied: Denied;
}

export function totalOf(sums: readonly UsageSum[]): UsageTotal {
  const denied: Partial<Record<DenialCode, number>> = {};
  let [requests, credits] = [0, 0];
  for (const sum of sums) {
    requests += sum.requests;
    credits += sum.credits;
    for (const code of codesOf(sum.denied)) denied[code] = (denied[code] ?? 0) + (sum.denied[code] ?? 0);
  }
  return { requests, credits, denied };
}

/** In the order of the checks. */
function codesOf(denied: Denied): readonly DenialCode[] {
  return (Object.keys(VERDICT_STATUS) as DenialCode[]).filter((code) => denied[code] !== undefined);
}

type Whose = Pick<UsageRow, 'account' | 'accountId' | 'externalId' | 'tier'>;

type Named = Whose & { readonly bucket: string | null };

const NOBODY: Whose = { account: null, accountId: null, externalId: null, tier: null };

/** The account's part of a row, with the tier that it had at the instant. */
function whose(account: Account | null, at: Instant): Whose {
  if (account === null) return NOBODY;
  return { account: account.name, accountId: account.id, externalId: account.externalId, tier: tierOn(account, dayOf(at)) };
}

export async function rowsOf(
  tx: ReadTransaction,
  sums: readonly UsageSum[],
  period: UsagePeriod,
  account: Account | null,
  now: Instant,
): Promise<readonly UsageRow[]> {
  // The tier of an invoice is the one of the period's last day, as far as that has come.
  const end = Math.max(period.from, Math.min(period.to - 1, now));
  switch (period.by) {
    case 'hour':
      return timeRows(sums, period, MS_PER_HOUR, formatInstant, account);
    case 'day':
      return timeRows(sums, period, MS_PER_DAY, (at) => formatDay(dayOf(at)), account);
    case 'account':
      return inSteps(sums, async (step) => {
        const owners = await ownersOf(tx, refsOf(step), end);
        return namedRows(step, (ref) => {
          const owner = owners.get(ref) ?? NOBODY;
          return named(owner.account, owner);
        });
      });
    case 'key':
      return inSteps(sums, (step) => keyRows(tx, step, account, end));
    case 'service': {
      const names = new Map((await tx.catalogue.servicesEver()).map((service) => [service.ref, service.name]));
      return mergedByName(namedRows(sums, (ref) => named(names.get(ref) ?? null, whose(account, end))));
    }
    case 'code':
      return codeRows(sums, whose(account, end));
  }
}

function timeRows(
  sums: readonly UsageSum[],
  { from, to }: UsagePeriod,
  unit: number,
  format: (at: Instant) => string,
  account: Account | null,
): readonly UsageRow[] {
  const byBucket = new Map(sums.map((sum) => [sum.bucket, sum]));
  const rows: UsageRow[] = [];
  for (let at = from; at < to; at += unit) {
    const { requests = 0, credits = 0, denied = {} } = byBucket.get(at / unit) ?? {};
    rows.push({ bucket: format(at), ...whose(account, at), requests, credits, denied });
  }
  return rows;
}

/** How many names are looked up at once: each by itself a database would be asked a hundred thousand times, all at once they would be there twice. */
const STEP = 2_000;

async function inSteps(
  sums: readonly UsageSum[],
  rowsOf: (step: readonly UsageSum[]) => Promise<readonly UsageRow[]>,
): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  for (let from = 0; from < sums.length; from += STEP) rows.push(...(await rowsOf(sums.slice(from, from + STEP))));
  return rows;
}

const refsOf = (sums: readonly UsageSum[]): readonly Ref[] => sums.map(({ bucket }) => bucket);

async function ownersOf(tx: ReadTransaction, refs: readonly Ref[], end: Instant): Promise<ReadonlyMap<Ref, Whose>> {
  return new Map((await tx.accounts.byRefs(refs)).map((account) => [account.ref, whose(account, end)]));
}

function namedRows(sums: readonly UsageSum[], name: (ref: Ref) => Named): readonly UsageRow[] {
  const rows: UsageRow[] = [];
  for (const sum of sums) {
    const { bucket, account, accountId, externalId, tier } = name(sum.bucket);
    const { requests, credits, denied } = sum;
    rows.push({ bucket, account, accountId, externalId, tier, requests, credits, denied });
  }
  return rows;
}

/** A service that was deleted and made anew is two to the store, and one to whoever reads its name. */
function mergedByName(rows: readonly UsageRow[]): readonly UsageRow[] {
  const merged = new Map<string | null, UsageRow>();
  for (const row of rows) {
    const known = merged.get(row.bucket);
    merged.set(
      row.bucket,
      known === undefined
        ? row
        : {
            ...row,
            ...totalOf([
              { ...known, bucket: 0 },
              { ...row, bucket: 0 },
            ]),
          },
    );
  }
  return [...merged.values()];
}

/** `account` is who is meant, where that is one. A deleted key's name may be another's by now: it goes by its id. */
async function keyRows(
  tx: ReadTransaction,
  sums: readonly UsageSum[],
  account: Account | null,
  end: Instant,
): Promise<readonly UsageRow[]> {
  const keys = new Map((await tx.keys.namesOf(refsOf(sums))).map((key) => [key.ref, key]));
  const owners = await ownersOf(tx, [...new Set([...keys.values()].map(({ accountRef }) => accountRef))], end);
  const unknown = whose(account, end);
  return namedRows(sums, (ref) => {
    const key = keys.get(ref);
    if (key === undefined) return named(null, unknown);
    const owner = owners.get(key.accountRef) ?? NOBODY;
    return named(key.deletedAt !== null ? key.id : `${owner.account ?? ''}/${key.name}`, owner);
  });
}

/** Written out, since there may be a hundred thousand. */
function named(bucket: string | null, { account, accountId, externalId, tier }: Whose): Named {
  return { bucket, account, accountId, externalId, tier };
}

function codeRows(sums: readonly UsageSum[], account: Whose): readonly UsageRow[] {
  const { requests, credits, denied } = totalOf(sums);
  const admitted = requests === 0 ? [] : [{ bucket: 'ok', ...account, requests, credits, denied: {} }];
  return [
    ...admitted,
    ...codesOf(denied).map((code) => ({ bucket: code, ...account, requests: 0, credits: 0, denied: { [code]: denied[code] ?? 0 } })),
  ];
}
