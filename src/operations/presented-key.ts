import { classifyApiKey, digestApiKey, MAX_API_KEY_LENGTH } from '../domain/api-key.ts';
import type { Subject } from '../domain/decide.ts';
import type { ReadTransaction } from '../domain/store.ts';

// SECURITY: the presented key goes in here and only its digest comes out.

/** Who presents this text as an API key. A form that no key of the store can have is malformed without a look-up. */
export async function presentedKey(tx: Pick<ReadTransaction, 'config'>, apiKey: string): Promise<Subject> {
  const prefixes = new Set(await tx.config.prefixes());
  if (apiKey.length > MAX_API_KEY_LENGTH || classifyApiKey(apiKey, prefixes) !== 'ours') return { kind: 'malformed' };
  return { kind: 'digest', digest: digestApiKey(apiKey) };
}
