import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestApiKey, maskApiKey, mintApiKey } from '../../src/domain/api-key.ts';
import { readBase64Digest, readHexDigest, readPlainKey } from '../../src/domain/imported-key.ts';
import { presentedKey } from '../../src/domain/presented-key.ts';

const PREFIXES: ReadonlySet<string> = new Set(['kc']);
const VISIBLE = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 16,
  maxLength: 512,
});

describe('a digest', () => {
  test('is the same in hex, in upper case, in base64, without its padding, and in base64url', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const digest = Buffer.from(bytes);
        const kept = { digest: digest.toString('hex'), mask: '…' };
        const base64 = digest.toString('base64');
        expect(readHexDigest(digest.toString('hex').toUpperCase())).toEqual(kept);
        for (const text of [base64, base64.slice(0, -1), digest.toString('base64url')]) expect(readBase64Digest(text)).toEqual(kept);
      }),
    );
  });

  test.each(['', 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), ` ${'a'.repeat(63)}`])('is not %j in hex', (text) => {
    expect(() => readHexDigest(text)).toThrow('SHA-256 in hex');
  });

  // The last one has bits set that belong to no byte: two texts would be one digest.
  test.each(['', 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(43)}==`, `${'A'.repeat(42)}B=`])('is not %j in base64', (text) => {
    expect(() => readBase64Digest(text)).toThrow('SHA-256 in base64');
  });
});

describe('a key in plain', () => {
  test('is kept as its digest, and never more than a quarter of it is shown', () => {
    fc.assert(
      fc.property(VISIBLE, (key) => {
        const { digest, mask } = readPlainKey(key, PREFIXES);
        expect(digest).toBe(digestApiKey(key));
        const [head = '', tail = ''] = mask.split('…');
        expect(key.startsWith(head) && key.endsWith(tail)).toBe(true);
        expect((head.length + tail.length) * 4).toBeLessThanOrEqual(key.length);
      }),
    );
  });

  test('of our own form has the mask of our own keys', () => {
    const key = mintApiKey('kc', 'prod', randomBytes);
    expect(readPlainKey(key, PREFIXES)).toEqual({ digest: digestApiKey(key), mask: maskApiKey(key) });
  });

  test.each([
    ['one that is too short', 'x'.repeat(15), 'too short'],
    ['one that is too long', 'x'.repeat(513), 'a header can carry'],
    ['one with a space', `${'x'.repeat(20)} y`, 'a header can carry'],
    ['one that is not ASCII', `${'x'.repeat(20)}é`, 'a header can carry'],
    ['one of our own that is mistyped', `kc_prod_${'a'.repeat(36)}`, 'checksum'],
  ])('is refused when it is %s, and not repeated', (_, key, why) => {
    expect(() => readPlainKey(key, PREFIXES)).toThrow(why);
    expect(() => readPlainKey(key, PREFIXES)).not.toThrow(key);
  });
});

describe('what is presented', () => {
  const forms = (imported: boolean) => ({ prefixes: PREFIXES, imported });
  const ours = mintApiKey('kc', 'prod', randomBytes);

  test('in another form than ours is looked up only where keys were imported', () => {
    for (const key of ['legacy-key-of-acme', 'x', `abc_prod_${'a'.repeat(36)}`]) {
      expect(presentedKey(key, forms(false))).toEqual({ kind: 'malformed' });
      expect(presentedKey(key, forms(true))).toEqual({ kind: 'digest', digest: digestApiKey(key) });
    }
  });

  test.each([true, false])('in our form is looked up when its checksum holds, imported keys or not (%s)', (imported) => {
    expect(presentedKey(ours, forms(imported))).toEqual({ kind: 'digest', digest: digestApiKey(ours) });
    expect(presentedKey(`kc_prod_${'a'.repeat(36)}`, forms(imported))).toEqual({ kind: 'malformed' });
    expect(presentedKey('', forms(imported))).toEqual({ kind: 'missing' });
    expect(presentedKey(null, forms(imported))).toEqual({ kind: 'missing' });
  });

  test.each(['two words', 'caf\u00e9', 'a\u0000b', 'tab\there', 'x'.repeat(513)])('as %j is no key at all', (text) => {
    expect(presentedKey(text, forms(true))).toEqual({ kind: 'malformed' });
  });
});
