import { describe, expect, test } from '@jest/globals';
import { NumberTable } from '../../../src/stores/sqlite/number-table.ts';
import { Chance } from '../../chance.ts';

const STEPS = 20_000;
const [VALUE, OTHER] = [3, 4];

/** Beside a Map that is known to be right. */
function compare(table: NumberTable, expected: ReadonlyMap<string, readonly number[]>): void {
  const seen: (readonly number[])[] = [];
  table.each((row) => seen.push([0, 1, 2, VALUE, OTHER].map((column) => table.get(row, column))));
  expect(table.size).toBe(expected.size);
  expect(seen).toEqual([...expected.values()]);
}

/** Keys as they are used: references from 1 on, those of accounts without a key below 0, and hours; some alike in their last bits. */
function anyKey(chance: Chance, keyColumns: 1 | 3): [number, number, number] {
  const first = chance.one([chance.below(3_000), -1 - chance.below(500), 65_536 * chance.below(500), 2 ** 33 + chance.below(9)]);
  return keyColumns === 1 ? [first, 0, 0] : [first, 1 + chance.below(3), 494_000 + chance.below(2)];
}

describe('a table of numbers', () => {
  test.each([
    [1, 1],
    [1, 2],
    [3, 3],
    [3, 4],
  ] as const)('finds what a Map finds, with %d columns of keys (seed %d)', (keyColumns, seed) => {
    const chance = new Chance(seed);
    const table = new NumberTable(5, keyColumns);
    const expected = new Map<string, number[]>();
    for (let step = 0; step < STEPS; step += 1) {
      const key = anyKey(chance, keyColumns);
      const known = expected.get(key.join());
      const row = table.find(...key);
      const value = chance.fraction();
      if (known === undefined || row === null) {
        if (known !== undefined || row !== null) throw new RangeError(`${key.join()}: ${known === undefined ? 'found' : 'not found'}`);
        const added = table.add(...key);
        if (table.get(added, VALUE) !== 0) throw new RangeError('a new row is not of zeros');
        table.set(added, VALUE, value);
        expected.set(key.join(), [...key, value, 0]);
      } else {
        if (table.get(row, VALUE) !== known[VALUE]) throw new RangeError(`${key.join()}: another row`);
        table.set(row, OTHER, value);
        known[OTHER] = value;
      }
      if (chance.below(4_000) === 0) {
        const least = chance.fraction();
        table.retain((kept) => table.get(kept, VALUE) >= least);
        for (const [name, numbers] of expected) if ((numbers[VALUE] ?? 0) < least) expected.delete(name);
        compare(table, expected);
      }
      if (chance.below(8_000) === 0) {
        table.clear();
        expected.clear();
      }
    }
    compare(table, expected);
  });

  test('a row stays where it is while others are added', () => {
    const table = new NumberTable(2, 1);
    const row = table.add(7);
    for (let key = 8; key < 1_000; key += 1) table.set(table.add(key), 1, key);
    table.set(row, 1, 70);
    expect([table.find(7), table.get(row, 0), table.get(row, 1)]).toEqual([row, 7, 70]);
    expect([table.find(6), table.find(1_000)]).toEqual([null, null]);
  });
});
