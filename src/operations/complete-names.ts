import { creditsOn, keyStatus, tierOn, type Key, type KeyStatus } from '../domain/entities.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';

/** What has a name that somebody may be typing. */
export type NamedKind = 'account' | 'key' | 'tier' | 'service' | 'environment';

/** One way to go on from what was typed. `value` begins with it; one that ends with `/` goes on further. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface WantedNames {
  readonly kind: NamedKind;
  /** What stands there so far. */
  readonly typed: string;
  /** Only keys of this status; leave it out for all that are not deleted. */
  readonly status?: KeyStatus;
}

/**
 * More than this is nothing to look through, and a shell that was shown a part would put in what only that part begins with: where there
 * are more, none is offered until more is typed. It also bounds what a store is asked for.
 */
const MOST = 1_000;
const LEAST_ID = 6;

/** Live names that begin with what was typed. */
export function completeNames(store: Store, { kind, typed, status }: WantedNames): Promise<readonly Candidate[]> {
  return store.read(async (tx, now) => {
    const all = await named(tx, now, kind, typed, status);
    return all.length > MOST ? [] : all;
  });
}

async function named(
  tx: ReadTransaction,
  now: Instant,
  kind: NamedKind,
  typed: string,
  status: KeyStatus | undefined,
): Promise<readonly Candidate[]> {
  const begins = ({ value }: Candidate): boolean => value.startsWith(typed);
  switch (kind) {
    case 'account':
      return accounts(tx, now, typed);
    case 'key':
      return keys(tx, now, typed.normalize('NFC'), status);
    case 'tier':
      return (await tx.tiers.all())
        .map((tier) => ({ value: tier.name, description: `${String(creditsOn(tier, dayOf(now)))} credits a day` }))
        .filter(begins);
    case 'service':
      return (await tx.catalogue.services())
        .map(({ name, cost }) => ({ value: name, description: `${String(cost)} credits a request` }))
        .filter(begins);
    case 'environment':
      return (await tx.catalogue.environments()).map(({ name, code }) => ({ value: name, description: code })).filter(begins);
  }
}

async function accounts(tx: ReadTransaction, now: Instant, typed: string): Promise<readonly Candidate[]> {
  return (await tx.accounts.byNamePrefix(typed, MOST + 1)).map((account) => ({
    value: account.name,
    description: account.suspendedAt === null ? tierOn(account, dayOf(now)) : 'suspended',
  }));
}

/** A key as `<account>/<name>`, or as its name alone where no other has it, or as its id where that was begun. */
async function keys(tx: ReadTransaction, now: Instant, typed: string, status: KeyStatus | undefined): Promise<readonly Candidate[]> {
  const slash = typed.indexOf('/');
  if (slash !== -1) return keysOfAccount(tx, now, typed.slice(0, slash), typed.slice(slash + 1), status);
  const byName = typed === '' ? [] : onlyOnes(await tx.keys.liveByNamePrefix(typed, null, MOST + 1));
  const byId = typed.length < LEAST_ID ? [] : await tx.keys.liveByIdPrefix(typed, MOST + 1);
  return [
    ...(await keysByAccount(tx, now, typed, status)),
    ...byName.filter(having(status, now)).map((key) => candidate(key.name, key, now)),
    ...byId.filter(having(status, now)).map((key) => candidate(key.id, key, now)),
  ];
}

async function keysOfAccount(
  tx: ReadTransaction,
  now: Instant,
  name: string,
  begun: string,
  status: KeyStatus | undefined,
): Promise<readonly Candidate[]> {
  const account = await tx.accounts.byName(name);
  if (account === null) return [];
  const found = await tx.keys.liveByNamePrefix(begun, account.ref, MOST + 1);
  return found.filter(having(status, now)).map((key) => candidate(`${name}/${key.name}`, key, now));
}

/** The keys of the accounts that begin so; where they are too many, the accounts, each to be gone into like a folder. */
async function keysByAccount(
  tx: ReadTransaction,
  now: Instant,
  typed: string,
  status: KeyStatus | undefined,
): Promise<readonly Candidate[]> {
  const owners = await tx.accounts.byNamePrefix(typed, MOST + 1);
  const found: Candidate[] = [];
  let seen = 0;
  for (const { name, ref } of owners) {
    const theirs = await tx.keys.liveByNamePrefix('', ref, MOST + 1 - seen);
    seen += theirs.length;
    if (seen > MOST) return owners.map((owner) => ({ value: `${owner.name}/`, description: 'its keys' }));
    found.push(...theirs.filter(having(status, now)).map((key) => candidate(`${name}/${key.name}`, key, now)));
  }
  return found;
}

/** Sorted by name, so that a name that several have is beside itself; the last of a full list may have others after it. */
function onlyOnes(sorted: readonly Key[]): readonly Key[] {
  const whole = sorted.length > MOST ? sorted.slice(0, -1) : sorted;
  return whole.filter(({ name }, place) => name !== sorted[place - 1]?.name && name !== sorted[place + 1]?.name);
}

function having(status: KeyStatus | undefined, now: Instant): (key: Key) => boolean {
  return (key) => status === undefined || keyStatus(key, now) === status;
}

function candidate(value: string, key: Key, now: Instant): Candidate {
  return { value, description: `${key.environment}, ${keyStatus(key, now)}` };
}
