import { classifyApiKey, digestApiKey, MAX_API_KEY_LENGTH } from './api-key.ts';
import type { Subject } from './decide.ts';

// SECURITY: the presented key goes in here and only its digest comes out.

/** Who can present a key; the shell's other subjects were resolved by their names. */
export type Presenter = Exclude<Subject, { readonly kind: 'key' | 'account' }>;

/** Who presents this text as an API key: null or nothing is nobody. A form that no key of the store can have is malformed without a look-up. */
export function presentedKey(apiKey: string | null, prefixes: ReadonlySet<string>): Presenter {
  if (apiKey === null || apiKey === '') return { kind: 'missing' };
  if (apiKey.length > MAX_API_KEY_LENGTH || classifyApiKey(apiKey, prefixes) !== 'ours') return { kind: 'malformed' };
  return { kind: 'digest', digest: digestApiKey(apiKey) };
}
