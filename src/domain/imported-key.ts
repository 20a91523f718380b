import { classifyApiKey, digestApiKey, maskApiKey, MAX_API_KEY_LENGTH } from './api-key.ts';
import { usageError } from './error.ts';

// SECURITY: a key from elsewhere that is given in plain goes in here, and only its digest and its mask come out.

/** Shorter ones could be found by trying. Who has such keys can still import their digests. */
const LEAST_LENGTH = 16;
const SHAPE = /^[\x21-\x7e]+$/;

/** The mask of a key of which only the digest is known. */
const NOTHING_SHOWN = '…';

/** What is kept of a key: its SHA-256 in hex, and what people see instead of it. */
export interface KeptKey {
  readonly digest: string;
  readonly mask: string;
}

/** A SHA-256 as 64 hexadecimal digits. Throws `usage`; the text is not repeated. */
export function readHexDigest(text: string): KeptKey {
  if (/^[0-9a-f]{64}$/i.test(text)) return { digest: text.toLowerCase(), mask: NOTHING_SHOWN };
  throw usageError('That is not a SHA-256 in hex.', 'It has 64 digits, 0-9 and a-f.');
}

/** A SHA-256 in base64, with or without its padding, or in base64url. Throws `usage`; the text is not repeated. */
export function readBase64Digest(text: string): KeptKey {
  // The 43rd character has two bits that belong to no byte; only with zeros in them is there one way to write a digest.
  if (/^[0-9A-Za-z+/_-]{42}[AEIMQUYcgkosw048]=?$/.test(text)) {
    return { digest: Buffer.from(text, 'base64').toString('hex'), mask: NOTHING_SHOWN };
  }
  throw usageError('That is not a SHA-256 in base64.', 'It has 44 characters, the last of which is =.');
}

/** A key in plain. Throws `usage` for one that could never be presented, or be found out by trying; the text is not repeated. */
export function readPlainKey(text: string, prefixes: ReadonlySet<string>): KeptKey {
  if (text.length > MAX_API_KEY_LENGTH || !SHAPE.test(text)) {
    throw usageError(
      'That is not a key that a header can carry.',
      `Keys have at most ${String(MAX_API_KEY_LENGTH)} visible ASCII characters and no spaces.`,
    );
  }
  if (text.length < LEAST_LENGTH) {
    throw usageError(
      'That key is too short to be safe.',
      `Keys have at least ${String(LEAST_LENGTH)} characters; this one should be replaced.`,
    );
  }
  const form = classifyApiKey(text, prefixes);
  if (form === 'mistyped') {
    throw usageError('That key looks like one of keyctl, but its checksum does not fit.', 'It is mistyped, or cut; it would be refused.');
  }
  return { digest: digestApiKey(text), mask: form === 'ours' ? maskApiKey(text) : maskOf(text) };
}

/** Of a key that somebody else has made nobody knows which part is random: never more than a quarter of it is shown. */
function maskOf(text: string): string {
  return text.length < 32 ? `…${text.slice(-4)}` : `${text.slice(0, 4)}…${text.slice(-4)}`;
}
