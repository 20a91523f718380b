import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { randomCharacters, type RandomBytes } from './random.ts';

// SECURITY: a secret is a string that only travels from `mintApiKey` to the one place that shows it, and from a
// request to `digestApiKey`. It is never put into an error, a log line or the store.

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 30 base62 characters are 178 bits. */
const SECRET_LENGTH = 30;
const CHECKSUM_LENGTH = 6;
/** No header that is longer than this can be a key of ours or an imported one. */
export const MAX_API_KEY_LENGTH = 512;

const SHAPE = /^([a-z][a-z0-9]{0,11})_([a-z0-9]{2,8})_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;
/** The same shape anywhere in a text, for refusing a secret that was typed as an argument. */
const SHAPE_ANYWHERE = /(?:^|[^0-9A-Za-z])[a-z][a-z0-9]{0,11}_[a-z0-9]{2,8}_[0-9A-Za-z]{36}(?![0-9A-Za-z])/;

/** CRC-32 (IEEE 802.3, as zlib has it) over every byte before it, as 6 base62 digits, most significant first. */
function checksum(head: string): string {
  let value = crc32(head);
  let text = '';
  for (let place = 0; place < CHECKSUM_LENGTH; place += 1) {
    text = BASE62.charAt(value % 62) + text;
    value = Math.floor(value / 62);
  }
  return text;
}

/** A new secret `<prefix>_<code>_<30 random><6 checksum>`. The only function that makes one. */
export function mintApiKey(prefix: string, environmentCode: string, randomBytes: RandomBytes): string {
  const head = `${prefix}_${environmentCode}_${randomCharacters(BASE62, SECRET_LENGTH, randomBytes)}`;
  return head + checksum(head);
}

/** SHA-256 of the secret's UTF-8 bytes, in hex: all that the store ever holds of it. */
export function digestApiKey(apiKey: string): string {
  return hash('sha256', apiKey, 'hex');
}

/** What people see instead of the secret: the head with four random characters, an ellipsis, the last four. */
export function maskApiKey(apiKey: string): string {
  const match = SHAPE.exec(apiKey);
  const shown = match === null ? 4 : `${match[1] ?? ''}_${match[2] ?? ''}_`.length + 4;
  return apiKey.length < shown + 12 ? '…' : `${apiKey.slice(0, shown)}…${apiKey.slice(-4)}`;
}

/** How a presented string looks, before any store is asked. */
export type KeyForm = 'ours' | 'mistyped' | 'foreign';

/** True for a text that is a secret of ours, of this installation or another: its checksum holds. */
export function isApiKey(text: string): boolean {
  return SHAPE.test(text) && checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
}

/**
 * `ours`: our shape and the checksum holds. `mistyped`: our shape and one of the installation's prefixes, past or present, but
 * the checksum fails, so it cannot exist. `foreign`: another form; only imported keys can have it.
 */
export function classifyApiKey(apiKey: string, prefixes: ReadonlySet<string>): KeyForm {
  if (isApiKey(apiKey)) return 'ours';
  const match = SHAPE.exec(apiKey);
  return match !== null && prefixes.has(match[1] ?? '') ? 'mistyped' : 'foreign';
}

/** True for a text that holds something shaped like one of our secrets, whatever its prefix or checksum. */
export function looksLikeApiKey(text: string): boolean {
  return SHAPE_ANYWHERE.test(text);
}

/** A regular expression (RE2, as gitleaks takes it) that finds this installation's keys. */
export function scannerPattern(prefixes: readonly string[]): string {
  return String.raw`\b(?:${prefixes.join('|')})_[a-z0-9]{2,8}_[0-9A-Za-z]{36}\b`;
}
