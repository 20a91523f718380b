import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  classifyApiKey,
  digestApiKey,
  looksLikeApiKey,
  MAX_API_KEY_LENGTH,
  maskApiKey,
  mintApiKey,
  scannerPattern,
} from '../../src/domain/api-key.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KC = new Set(['kc']);

/** CRC-32 of IEEE 802.3 bit by bit, as the standard's polynomial says, so that it shares no code with zlib's. */
function crc32Bitwise(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text, 'utf8')) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Six base62 digits, most significant first, by the definition of a positional number. */
function base62(value: number): string {
  const digits = [5, 4, 3, 2, 1, 0].map((power) => ALPHABET.charAt(Math.floor(value / 62 ** power) % 62));
  return digits.join('');
}

/** A source of bytes that gives 0, 1, 2 … : minted with it, a secret is the alphabet's beginning. */
function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index);
}

/** A key of our shape whose checksum is right, built by hand. */
function keyOf(head: string): string {
  return head + base62(crc32Bitwise(head));
}

const KNOWN = 'kc_prod_0123456789ABCDEFGHIJKLMNOPQRST4asMyf';

describe('minting', () => {
  test('the independent CRC-32 of this file has the check value of the standard', () => {
    expect(crc32Bitwise('123456789')).toBe(0xcbf43926);
  });

  test('a fixed source of bytes gives the known answer', () => {
    expect(mintApiKey('kc', 'prod', counting)).toBe(KNOWN);
    expect(keyOf('kc_prod_0123456789ABCDEFGHIJKLMNOPQRST')).toBe(KNOWN);
  });

  test('a small checksum is padded on the left', () => {
    const padded = 'kc_dev_00000000000000000000000000001C000TsV';
    expect(classifyApiKey(padded, KC)).toBe('ours');
    expect(keyOf(padded.slice(0, -6))).toBe(padded);
  });

  test('has the shape <prefix>_<env>_<30 base62><6 base62> for every prefix and code', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9]{0,11}$/), fc.stringMatching(/^[a-z0-9]{2,8}$/), (prefix, code) => {
        const key = mintApiKey(prefix, code, randomBytes);
        const head = `${prefix}_${code}_`;
        expect(key.startsWith(head)).toBe(true);
        expect(key.slice(head.length)).toMatch(/^[0-9A-Za-z]{36}$/);
        expect(key).toBe(keyOf(key.slice(0, -6)));
        expect(key.length).toBeLessThanOrEqual(MAX_API_KEY_LENGTH);
        expect(classifyApiKey(key, new Set([prefix]))).toBe('ours');
        expect(looksLikeApiKey(key)).toBe(true);
      }),
    );
  });

  test('never gives the same key twice', () => {
    const keys = new Set(Array.from({ length: 10_000 }, () => mintApiKey('kc', 'prod', randomBytes)));
    expect(keys.size).toBe(10_000);
  });
});

describe('classifying what was presented', () => {
  test.each([
    ['a minted key', KNOWN, 'ours'],
    ['one wrong letter in the secret', KNOWN.replace('_0123', '_0124'), 'mistyped'],
    ['one wrong letter in the checksum', `${KNOWN.slice(0, -1)}g`, 'mistyped'],
    ['another environment written into it', KNOWN.replace('prod', 'dev'), 'mistyped'],
    ['another prefix written into it, which was never ours', KNOWN.replace('kc', 'sk'), 'foreign'],
    ['a key of another prefix whose checksum holds', keyOf(`sk_prod_${'a'.repeat(30)}`), 'ours'],
    ['one letter less', KNOWN.slice(0, -1), 'foreign'],
    ['one letter more', `${KNOWN}0`, 'foreign'],
    ['a space before', ` ${KNOWN}`, 'foreign'],
    ['a line break after', `${KNOWN}\n`, 'foreign'],
    ['upper case in the head', KNOWN.replace('kc', 'KC'), 'foreign'],
    ['nothing', '', 'foreign'],
    ['somebody else’s token', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a', 'foreign'],
  ])('%s', (_, text, expected) => {
    expect(classifyApiKey(text, KC)).toBe(expected);
  });

  test('a past prefix counts as ours', () => {
    const mistyped = `old_prod_${'a'.repeat(36)}`;
    expect(classifyApiKey(mistyped, KC)).toBe('foreign');
    expect(classifyApiKey(mistyped, new Set(['old', 'kc']))).toBe('mistyped');
  });

  test('every single changed character of a key is noticed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: KNOWN.length - 1 }), fc.constantFrom(...ALPHABET.split('')), (place, letter) => {
        const changed = KNOWN.slice(0, place) + letter + KNOWN.slice(place + 1);
        expect(classifyApiKey(changed, KC)).toBe(changed === KNOWN ? 'ours' : 'mistyped');
      }),
    );
  });

  test('is total: no text makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(['ours', 'mistyped', 'foreign']).toContain(classifyApiKey(text, KC));
      }),
    );
  });
});

describe('what is kept and shown of a secret', () => {
  test('the digest is SHA-256 of its bytes in hex', () => {
    expect(digestApiKey(KNOWN)).toBe('5b1d7304ed783a147951441a83689f758dcccf28bd471a9899a4015e71bdbe7b');
    expect(digestApiKey('ключ')).toBe(createHash('sha256').update(Buffer.from('ключ', 'utf8')).digest('hex'));
  });

  test('the mask is the head with four random characters, an ellipsis and the last four', () => {
    expect(maskApiKey(KNOWN)).toBe('kc_prod_0123…sMyf');
    expect(maskApiKey(keyOf(`abcdefghijkl_stagings_${'x'.repeat(30)}`))).toMatch(/^abcdefghijkl_stagings_xxxx….{4}$/);
  });

  test('the mask hides at least 28 of the 36 characters', () => {
    fc.assert(
      fc.property(fc.constantFrom('kc', 'abcdefghijkl'), fc.constantFrom('qa', 'prod', 'stagings'), (prefix, code) => {
        const key = mintApiKey(prefix, code, randomBytes);
        expect(maskApiKey(key)).toHaveLength(`${prefix}_${code}_`.length + 4 + 1 + 4);
      }),
    );
  });

  test.each([
    ['', '…'],
    ['secret', '…'],
    ['fifteen_letters', '…'],
    ['sixteen__letters', 'sixt…ters'],
    ['an-imported-key-of-another-form', 'an-i…form'],
  ])('an imported key %j is masked as %j', (key, mask) => {
    expect(maskApiKey(key)).toBe(mask);
  });
});

describe('a secret in the wrong place', () => {
  test.each([
    KNOWN,
    `KEY=${KNOWN}`,
    `--name=${KNOWN}`,
    `"${KNOWN}"`,
    `x_${KNOWN}`,
    `default/${KNOWN}`,
    `${KNOWN}\n`,
    `old_qa_${'z'.repeat(36)}`,
  ])('%j is recognised', (text) => {
    expect(looksLikeApiKey(text)).toBe(true);
  });

  test.each(['prod', 'kc_prod_0123…sMyf', 'key_0123456789abcdefghij', 'deb_f3k2', KNOWN.slice(0, -1), 'a_name_with_underscores', ''])(
    '%j is none',
    (text) => {
      expect(looksLikeApiKey(text)).toBe(false);
    },
  );
});

describe('the pattern for secret scanners', () => {
  test('finds keys of every prefix in a text and nothing else', () => {
    const pattern = new RegExp(scannerPattern(['old', 'kc']), 'g');
    const old = keyOf(`old_qa_${'0'.repeat(30)}`);
    const text = `export KEY=${KNOWN}; curl -H "X-API-Key: ${old}" # sk_prod_${'0'.repeat(36)} ${KNOWN}x`;
    expect(text.match(pattern)).toEqual([KNOWN, old]);
  });
});
