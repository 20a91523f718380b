import type { Account, Key } from '../domain/entities.ts';
import type { Actor, KeyPatch, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';

/** Who changes which key when, and what the audit trail calls it: `key.rename`, `key.disable` … */
export interface KeyChange {
  readonly action: string;
  readonly actor: Actor;
  readonly now: Instant;
  readonly account: Account;
}

const INSTANTS: ReadonlySet<string> = new Set(['createdAt', 'expiresAt', 'disabledAt', 'deletedAt']);

/** Fields of a key as the audit trail keeps them: times in ISO 8601. */
export function auditedFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, INSTANTS.has(name) && typeof value === 'number' ? formatInstant(value) : value]),
  );
}

/**
 * Writes those fields of the patch that differ from the key, with what they were and are in the audit trail.
 * A patch that changes nothing leaves no trace.
 */
export async function changeKey(
  tx: WriteTransaction,
  key: Key,
  patch: KeyPatch,
  change: KeyChange,
): Promise<{ readonly key: Key; readonly changed: boolean }> {
  const names = (Object.keys(patch) as (keyof KeyPatch)[]).filter((name) => JSON.stringify(key[name]) !== JSON.stringify(patch[name]));
  if (names.length === 0) return { key, changed: false };
  const after = pick(patch, names);
  await tx.keys.update(key.ref, after);
  await tx.audit.append({
    ...{ at: change.now, actor: change.actor, action: change.action, targetKind: 'key' },
    ...{ targetId: key.id, targetName: `${change.account.name}/${key.name}` },
    before: auditedFields(pick(key, names)),
    after: auditedFields(after),
  });
  return { key: { ...key, ...after }, changed: true };
}

function pick<From extends object>(from: From, names: readonly (keyof From)[]): Partial<From> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Partial<From>;
}

/** The account of a key. Keys keep their accounts, so there always is one. */
export async function accountOf(tx: Pick<ReadTransaction, 'accounts'>, key: Key): Promise<Account> {
  const account = await tx.accounts.byRef(key.accountRef);
  if (account === null) throw new RangeError('a key without its account');
  return account;
}
