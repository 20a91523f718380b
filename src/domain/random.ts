/** `length` bytes from the system's CSPRNG. Passed in, so that tests can fix it. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * `length` characters of an alphabet, each equally likely: bytes at or above the largest multiple of the
 * alphabet's size are thrown away, since taking them modulo the size would favour its first characters.
 */
export function randomCharacters(alphabet: string, length: number, randomBytes: RandomBytes): string {
  const fair = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < fair && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}

const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** An opaque id such as `key_4f0zk2…`: 100 bits, lower case, easy to paste. */
export function newId(kind: 'acct' | 'key' | 'adj' | 'imp' | 'srv' | 'alert', randomBytes: RandomBytes): string {
  return `${kind}_${randomCharacters(ID_ALPHABET, 20, randomBytes)}`;
}
