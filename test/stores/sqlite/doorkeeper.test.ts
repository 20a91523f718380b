import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Doorkeeper } from '../../../src/stores/sqlite/doorkeeper.ts';

const digestOf = (number: number): string => createHash('sha256').update(String(number)).digest('hex');

test('of many keys that come once hardly one is taken for one that comes again, and one that does is known within a few times', () => {
  const doorkeeper = new Doorkeeper();
  const digests = Array.from({ length: 10_000 }, (_, number) => digestOf(number));
  expect(digests.filter((digest) => doorkeeper.cameBefore(digest))).toEqual([]);
  const known = digests.filter((digest) => doorkeeper.cameBefore(digest));
  expect(known.length).toBeGreaterThan(8_000);
  const [first = ''] = digests;
  expect([doorkeeper.cameBefore(first) || doorkeeper.cameBefore(first), doorkeeper.cameBefore(digestOf(-1))]).toEqual([true, false]);
});
