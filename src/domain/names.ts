import { isApiKey } from './api-key.ts';
import { usageError } from './error.ts';

/** Accounts, tiers, services and environments: their names become headers, metric labels and path segments. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CODE = /^[a-z0-9]{2,8}$/;
const PREFIX = /^[a-z][a-z0-9]{0,11}$/;
const EXTERNAL_ID = /^[\x21-\x7e]{1,128}$/;
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export type NamedThing = 'account' | 'tier' | 'service' | 'environment';

/** Returns the name, or throws `usage`. The text is not repeated: it may be somebody's secret in the wrong place. */
export function checkName(kind: NamedThing, text: string): string {
  if (NAME.test(text)) return text;
  throw usageError(
    `That is not a name for ${kind === 'account' || kind === 'environment' ? 'an' : 'a'} ${kind}.`,
    'Use 1 to 63 of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit.',
  );
}

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** An environment's code, the part of a key between its prefix and its secret. */
export function checkEnvironmentCode(text: string): string {
  if (CODE.test(text)) return text;
  throw usageError('That is not a code for an environment.', 'Use 2 to 8 of a-z and 0-9, such as stage.');
}

export function checkKeyPrefix(text: string): string {
  if (PREFIX.test(text)) return text;
  throw usageError('That is not a prefix for keys.', 'Use 1 to 12 of a-z and 0-9, beginning with a letter, such as acme.');
}

// Cc controls, Cs lone surrogates, Cn and Co unassigned, Zl and Zp line breaks; Cf and the default ignorable ones cannot be seen
// (bidi overrides among them), so that two names would look alike.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
/** Joiners and variation selectors where emoji need them: 👩‍💻, ❤️, 1️⃣. */
const EMOJI_GLUE =
  /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})|(?<=\p{Extended_Pictographic})\ufe0f|(?<=[0-9#*])\ufe0f(?=\u20e3)/gu;

/** A key's name: 1 to 100 printable characters in NFC, without controls or `/`. Normalised before it is measured. */
export function checkKeyName(text: string): string {
  const name = text.normalize('NFC');
  const length = [...name].length;
  const unprintable = INVISIBLE.test(name.replace(EMOJI_GLUE, ''));
  if (length >= 1 && length <= 100 && !unprintable && !name.includes('/') && name.trim() === name) return name;
  throw usageError(
    'That is not a name for a key.',
    'Use 1 to 100 printable characters without / or control characters, and no space at either end.',
  );
}

/** A note or a reason: free text on one line, at most 500 characters. */
export function checkText(what: string, text: string): string {
  const clean = text.normalize('NFC').trim();
  if (clean.length > 0 && [...clean].length <= 500 && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(clean)) return clean;
  throw usageError(`That is not a ${what}.`, 'Use 1 to 500 characters on one line, without control characters.');
}

export function checkExternalId(text: string): string {
  if (EXTERNAL_ID.test(text)) return text;
  throw usageError('That is not an external id.', 'Use 1 to 128 visible ASCII characters, such as the number in your billing system.');
}

/**
 * Request ids are 1 to 128 visible ASCII characters.
 *
 * SECURITY: an id is stored as it is and told to whoever may read debits: a secret is none.
 */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text) && !isApiKey(text);
}
