import { MAX_API_KEY_LENGTH, classifyApiKey, digestApiKey } from '../domain/api-key.ts';
import type { SelfSubject } from '../operations/describe-self.ts';

// SECURITY: the presented key goes in here and only its digest comes out.

/** Who presents this text as an API key: null or nothing is nobody. Forms that no key of the store can have need no look-up. */
export function subjectOf(apiKey: string | null, prefixes: ReadonlySet<string>): SelfSubject {
  if (apiKey === null || apiKey === '') return { kind: 'missing' };
  if (apiKey.length > MAX_API_KEY_LENGTH || classifyApiKey(apiKey, prefixes) !== 'ours') return { kind: 'malformed' };
  return { kind: 'digest', digest: digestApiKey(apiKey) };
}
