import { KeyctlError, usageError } from '../domain/error.ts';
import type { Account } from '../domain/entities.ts';
import { didYouMean } from '../domain/nearest.ts';
import { isName } from '../domain/names.ts';
import type { ReadTransaction } from '../domain/store.ts';

const MOST_NAMES = 500;

/** An account by its name or its full id. Throws `not_found`, without repeating a text that is no name. */
export async function findAccount(tx: ReadTransaction, reference: string): Promise<Account> {
  const account = (await tx.accounts.byName(reference)) ?? (await tx.accounts.byId(reference));
  if (account !== null) return account;
  throw new KeyctlError('not_found', 'There is no such account.', {
    hint: `${await didYouMeanAccount(tx, reference)}See: keyctl account list`,
  });
}

/** Among those that begin with the same letter; of a million accounts only so many are looked at. */
async function didYouMeanAccount(tx: ReadTransaction, reference: string): Promise<string> {
  const accounts = await tx.accounts.byNamePrefix(reference.slice(0, 1), MOST_NAMES);
  return didYouMean(
    reference,
    accounts.map(({ name }) => name),
  );
}

/**
 * The account that a command changes or charges. It may be left out only while there is a single one: a script
 * written on the first day must not charge the wrong customer on the hundredth.
 */
export async function findAccountOrOnly(tx: ReadTransaction, reference: string | undefined): Promise<Account> {
  if (reference !== undefined) return findAccount(tx, reference);
  const [only, another] = await tx.accounts.page({}, { after: 0, limit: 2 });
  if (only !== undefined && another === undefined) return only;
  throw usageError('--account is missing: there are several accounts.', 'Name one with --account; keyctl account list shows them.');
}

/** Throws `already_exists` when an account of that name is there. */
export async function checkAccountNameFree(tx: ReadTransaction, name: string): Promise<void> {
  if (isName(name) && (await tx.accounts.byName(name)) === null) return;
  throw new KeyctlError('already_exists', `An account named ${name} exists already.`);
}
