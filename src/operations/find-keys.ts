import { KeyctlError } from '../domain/error.ts';
import type { Key, Ref } from '../domain/entities.ts';
import type { ReadTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { checkNotDeleted, findKey, type KeyReference } from './find-key.ts';

/**
 * Finds the keys that a command changes together, each once. The first that is not found, is ambiguous or is deleted fails them all,
 * and is told by its place among the arguments, since its text may be a secret.
 */
export async function findLiveKeys(tx: ReadTransaction, references: readonly KeyReference[], now: Instant): Promise<readonly Key[]> {
  const found = new Map<Ref, Key>();
  for (const [index, reference] of references.entries()) {
    try {
      const key = checkNotDeleted(await findKey(tx, reference), now);
      found.set(key.ref, key);
    } catch (error) {
      throw references.length > 1 ? placed(error, index + 1, references.length) : error;
    }
  }
  return [...found.values()];
}

function placed(error: unknown, place: number, of: number): unknown {
  if (!(error instanceof KeyctlError)) return error;
  const message = `Key ${String(place)} of ${String(of)}: ${error.message} Nothing was changed.`;
  return new KeyctlError(error.code, message, { cause: error, ...(error.hint === null ? {} : { hint: error.hint }) });
}
