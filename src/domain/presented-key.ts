import { classifyApiKey, digestApiKey, MAX_API_KEY_LENGTH } from './api-key.ts';
import type { Subject } from './decide.ts';

// SECURITY: the presented key goes in here and only its digest comes out.

/** Who can present a key; the shell's other subjects were resolved by their names. */
export type Presenter = Exclude<Subject, { readonly kind: 'key' | 'account' }>;

/** What is known of the forms that keys of the store can have. */
export interface KeyForms {
  /** Past and present ones of this installation. */
  readonly prefixes: ReadonlySet<string>;
  /** Keys came from elsewhere: they have any form, and only their digest tells. */
  readonly imported: boolean;
}

/** A header carries nothing else undamaged; spaces in one are between values. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Who presents this text as an API key: null or nothing is nobody. A form that no key of the store can have is malformed without a look-up. */
export function presentedKey(apiKey: string | null, { prefixes, imported }: KeyForms): Presenter {
  if (apiKey === null || apiKey === '') return { kind: 'missing' };
  if (apiKey.length > MAX_API_KEY_LENGTH) return { kind: 'malformed' };
  const form = classifyApiKey(apiKey, prefixes);
  const possible = form === 'ours' || (form === 'foreign' && imported && VISIBLE.test(apiKey));
  return possible ? { kind: 'digest', digest: digestApiKey(apiKey) } : { kind: 'malformed' };
}
