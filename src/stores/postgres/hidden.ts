import { KeyctlError } from '../../domain/error.ts';
import { codeOf } from './errors.ts';
import type { Sql } from './sql.ts';

/** A condition on a row of `keys` or `accounts`: it belongs to no import that is not done. There is hardly ever one, so that this is one look. */
export function visible(table: 'keys' | 'accounts', ref = `${table}.ref`): string {
  const column = table === 'keys' ? 'key_ref' : 'account_ref';
  return `NOT EXISTS (SELECT 1 FROM imports i JOIN imported_${table} m ON m.import_ref = i.ref AND m.${column} = ${ref}
    WHERE i.done_at IS NULL)`;
}

export const VISIBLE_KEYS = visible('keys');
export const VISIBLE_ACCOUNTS = visible('accounts');

const UNIQUE_VIOLATION = '23505';

/** Runs a change whose names were looked up before: where they are taken all the same, something hidden has them. */
export async function besideHidden<Result>(sql: Sql, act: () => Promise<Result>): Promise<Result> {
  try {
    return await sql.attempt(act);
  } catch (error) {
    if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
    if ((await sql.number('SELECT count(*) FROM imports WHERE done_at IS NULL')) === 0) throw error;
    throw new KeyctlError('conflict', 'An import that is not done yet has that name or number.', {
      hint: 'Try again when it is done. One that was interrupted is cleared away by the next keyctl import.',
      cause: error,
    });
  }
}
