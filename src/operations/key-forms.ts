import type { KeyForms } from '../domain/presented-key.ts';
import type { ReadTransaction } from '../domain/store.ts';

/** What forms the keys of the store can have. */
export async function keyForms(tx: ReadTransaction): Promise<KeyForms> {
  return { prefixes: new Set(await tx.config.prefixes()), imported: await tx.imports.any() };
}
