import { keyStatus, type Key, type KeyStatus } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, formatInstant, type Instant } from '../domain/utc-day.ts';
import { graceTraffic, type GraceTraffic } from './grace-traffic.ts';

/** A key as operators see it: with its account's name, its status now, and what it did today. */
export interface KeyView extends Omit<Key, 'ref' | 'accountRef' | 'digest' | 'capGroup'> {
  readonly account: string;
  readonly status: KeyStatus;
  readonly lastUsedAt: Instant | null;
  /** Admitted requests and credits spent since 00:00 UTC. */
  readonly today: { readonly requests: number; readonly credits: number };
  /** Null unless another key has replaced it. */
  readonly grace: GraceTraffic | null;
}

/** The fields of a key's JSON, in the contract's order. */
export const KEY_FIELDS = [
  ...[
    'id',
    'name',
    'account',
    'environment',
    'mask',
    'status',
    'note',
    'createdAt',
    'expiresAt',
    'lastUsedAt',
    'disabledAt',
    'disabledReason',
  ],
  ...['deletedAt', 'rotatedFrom', 'rotatedTo', 'services', 'allowedIps', 'dailyCap', 'today', 'grace'],
] as const;

export async function describeKeys(tx: ReadTransaction, keys: readonly Key[], now: Instant): Promise<readonly KeyView[]> {
  const usage = await tx.usage.ofKeys(
    keys.map((key) => key.ref),
    dayOf(now),
  );
  const graces = await graceTraffic(tx, keys, now);
  const accounts = await tx.accounts.byRefs([...new Set(keys.map(({ accountRef }) => accountRef))]);
  const names = new Map(accounts.map(({ ref, name }) => [ref, name]));
  const views: KeyView[] = [];
  for (const key of keys) {
    const account = names.get(key.accountRef) ?? '';
    const { requests = 0, credits = 0, lastUsedAt = null } = usage.get(key.ref) ?? {};
    views.push(
      viewOf(key, { account, status: keyStatus(key, now), lastUsedAt, today: { requests, credits }, grace: graces.get(key.ref) ?? null }),
    );
  }
  return views;
}

type Known = Pick<KeyView, 'account' | 'status' | 'lastUsedAt' | 'today' | 'grace'>;

/** Written out: leaving fields out of a hundred thousand keys one by one takes longer than reading them. */
function viewOf(key: Key, { account, status, lastUsedAt, today, grace }: Known): KeyView {
  const { id, name, environment, mask, note, createdAt, expiresAt, disabledAt, disabledReason, deletedAt } = key;
  const { rotatedFrom, rotatedTo, services, allowedIps, dailyCap } = key;
  return {
    id,
    name,
    account,
    environment,
    mask,
    status,
    note,
    createdAt,
    expiresAt,
    lastUsedAt,
    disabledAt,
    disabledReason,
    deletedAt,
    rotatedFrom,
    rotatedTo,
    services,
    allowedIps,
    dailyCap,
    today,
    grace,
  };
}

export async function describeKey(tx: ReadTransaction, key: Key, now: Instant): Promise<KeyView> {
  const [view] = await describeKeys(tx, [key], now);
  if (view === undefined) throw new RangeError('a key without its description');
  return view;
}

const orNull = (at: Instant | null): string | null => (at === null ? null : formatInstant(at));

/** The key as the contract's JSON has it. Never a secret, never a digest. */
export function keyJson(view: KeyView): Record<string, unknown> {
  const { id, name, account, environment, mask, status, note } = view;
  return {
    ...{ id, name, account, environment, mask, status, note },
    createdAt: formatInstant(view.createdAt),
    expiresAt: orNull(view.expiresAt),
    lastUsedAt: orNull(view.lastUsedAt),
    disabledAt: orNull(view.disabledAt),
    disabledReason: view.disabledReason,
    deletedAt: orNull(view.deletedAt),
    rotatedFrom: view.rotatedFrom,
    rotatedTo: view.rotatedTo,
    services: view.services,
    allowedIps: view.allowedIps,
    dailyCap: view.dailyCap,
    today: view.today,
    grace: view.grace,
  };
}
