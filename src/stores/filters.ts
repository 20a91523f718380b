import { firstDebitNumber } from '../domain/debit.ts';
import type { AuditFilter, DebitFilter, DenialFilter, KeyFilter } from '../domain/store.ts';
import type { Ref } from '../domain/entities.ts';
import { Conditions } from './clauses.ts';

// Which rows a filter means, as far as every store says it in the same words. What each says in its own, it adds.

/** Conditions on `keys`, but for the search and for when they were used last. */
export function keyConditions({ accountRef, environment, expiresBy, status, now }: KeyFilter): Conditions {
  const where = new Conditions();
  if (accountRef !== undefined) where.add('account_ref = ?', accountRef);
  if (environment !== undefined) where.add('environment = ?', environment);
  if (expiresBy !== undefined) where.add('expires_at > ? AND expires_at <= ?', now, expiresBy);
  if (status === undefined) return where;
  switch (status) {
    case 'not-deleted':
      return where.add('deleted_at IS NULL');
    case 'deleted':
      return where.add('deleted_at IS NOT NULL');
    case 'disabled':
      return where.add('deleted_at IS NULL AND disabled_at IS NOT NULL');
    case 'expired':
      return where.add('deleted_at IS NULL AND disabled_at IS NULL AND expires_at <= ?', now);
    case 'active':
      return where.add('deleted_at IS NULL AND disabled_at IS NULL AND (expires_at IS NULL OR expires_at > ?)', now);
  }
}

/** Conditions on `debits d`, but for whose they are. */
export function debitConditions({ since, until, requestId }: DebitFilter): Conditions {
  const where = new Conditions();
  if (since !== undefined) where.add('d.number >= ? AND d.at >= ?', firstDebitNumber(since), since);
  if (until !== undefined) {
    // A clock that stepped back leaves debits whose number is ahead of their time, by no more than the store has noted.
    where.add('d.number < ? + (SELECT ahead_micros FROM state) AND d.at < ?', firstDebitNumber(until), until);
  }
  if (requestId !== undefined) where.add('d.request_id = ?', requestId);
  return where;
}

/** Conditions on `denials d`. */
export function denialConditions({ since, until, accountRef, keyRef, requestId, code }: DenialFilter): Conditions {
  const where = new Conditions();
  if (since !== undefined) where.add('d.at >= ?', since);
  if (until !== undefined) where.add('d.at < ?', until);
  if (accountRef !== undefined) where.add('d.account_ref = ?', accountRef);
  if (keyRef !== undefined) where.add('d.key_ref = ?', keyRef);
  if (requestId !== undefined) where.add('d.request_id = ?', requestId);
  if (code !== undefined) where.add('d.code = ?', code);
  return where;
}

/** Conditions on `adjustments`: those of an account, or of all, before one of them. */
export function adjustmentConditions(accountRef: Ref | null, before: number | null): Conditions {
  const where = new Conditions();
  if (accountRef !== null) where.add('account_ref = ?', accountRef);
  if (before !== null) where.add('number < ?', before);
  return where;
}

/** Conditions on `audit`, but for the action and the targets. */
export function auditConditions<More = never>({ after, actor, since, until }: AuditFilter): Conditions<More> {
  const where = new Conditions<More>();
  if (after !== undefined) where.add('number > ?', after);
  if (actor !== undefined) where.add('? IN (claimed_actor, os_user, sudo_user)', actor);
  if (since !== undefined) where.add('at >= ?', since);
  if (until !== undefined) where.add('at < ?', until);
  return where;
}
