import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { newId, randomCharacters } from '../../src/domain/random.ts';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Gives the listed chunks of bytes, one a call, and fails when it is asked for more. */
function chunks(...list: readonly number[][]): (length: number) => Uint8Array {
  const left = [...list];
  return () => {
    const next = left.shift();
    if (next === undefined) throw new Error('asked for more bytes than expected');
    return Uint8Array.from(next);
  };
}

describe('random characters', () => {
  test('over all 256 values of a byte every character is equally likely', () => {
    const everyByte = Array.from({ length: 256 }, (_, byte) => byte);
    // 248 of the 256 are fair for 62 characters: four for each.
    const text = randomCharacters(BASE62, 248, chunks(everyByte));
    for (const character of BASE62) expect(text.split(character)).toHaveLength(4 + 1);
  });

  test('bytes from 248 on are thrown away and others asked for', () => {
    expect(randomCharacters(BASE62, 3, chunks([255, 248, 250], [251, 1, 249], [247, 62, 0]))).toBe('1z0');
  });

  test('none is thrown away where the alphabet divides 256', () => {
    expect(randomCharacters('0123456789abcdef', 3, chunks([255, 0, 17]))).toBe('f01');
  });

  test('spare bytes are not used', () => {
    expect(randomCharacters(BASE62, 2, chunks([1, 2, 3, 4, 5]))).toBe('12');
  });

  test('a real source favours no character', () => {
    // 62 x 4,000 draws: each count has a standard deviation below 64, so that 8 of them are never exceeded by chance.
    const text = randomCharacters(BASE62, 62 * 4_000, randomBytes);
    const counts = new Map<string, number>();
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(Math.abs(count - 4_000)).toBeLessThan(8 * 64);
  });
});

describe('ids', () => {
  test.each(['acct', 'key', 'adj'] as const)('of kind %s are 20 lower-case letters and digits', (kind) => {
    expect(newId(kind, randomBytes)).toMatch(new RegExp(`^${kind}_[a-z0-9]{20}$`));
  });

  test('do not repeat', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newId('key', randomBytes))).size).toBe(10_000);
  });
});
