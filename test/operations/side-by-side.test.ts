import { describe, expect, test } from '@jest/globals';
import { sideBySide } from '../../src/operations/side-by-side.ts';

describe('acts side by side', () => {
  test('take what is next, each in a room of its own, until nothing is left', async () => {
    const [busy, acted] = [new Set<string>(), [] as number[]];
    await sideBySide([1, 2, 3, 4, 5], ['one', 'two'], async (item, room) => {
      expect(busy.has(room)).toBe(false);
      busy.add(room);
      await Promise.resolve();
      acted.push(item);
      busy.delete(room);
    });
    expect(acted).toEqual([1, 2, 3, 4, 5]);
  });

  test('that fail let no other begin, and have ended when the first failure is thrown', async () => {
    const begun: number[] = [];
    let ended = 0;
    const failing = sideBySide([1, 2, 3, 4, 5, 6], ['one', 'two'], async (item) => {
      begun.push(item);
      await Promise.resolve();
      ended += 1;
      if (item > 1) throw new Error(`failure ${String(item)}`);
    });
    await expect(failing).rejects.toThrow('failure 2');
    expect([begun, ended]).toEqual([[1, 2, 3], 3]);
  });
});
