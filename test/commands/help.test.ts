import { describe, expect, test } from '@jest/globals';
import { helpAsOption } from '../../src/commands/bare.ts';
import { positionals } from '../../src/commands/program.ts';
import { readExpiry } from '../../src/commands/expiry.ts';
import { keyctl } from '../harness.ts';

describe('keyctl help', () => {
  test.each([
    [['help'], ['--help']],
    [
      ['help', 'tier', 'set'],
      ['tier', 'set', '--help'],
    ],
    [
      ['--db', 'help', 'help', 'list'],
      ['--db', 'help', 'list', '--help'],
    ],
    [
      ['list', '--search', 'help'],
      ['list', '--search', 'help'],
    ],
  ])('%j is %j', (given, meant) => {
    expect(helpAsOption(given, positionals(given))).toEqual(meant);
  });

  test('opens no store and exits 0', async () => {
    const [help, option] = await Promise.all([
      keyctl(['help', 'create'], { db: '/nowhere/keyctl.db' }),
      keyctl(['create', '--help'], { db: '/nowhere/keyctl.db' }),
    ]);
    expect(help).toEqual(option);
    expect(help.code).toBe(0);
  });
});

test('an expiry whose year has more than four digits is refused', () => {
  expect(() => readExpiry('9999-12-31', 0)).toThrow('too far away');
  expect(readExpiry('9999-12-29', 0)).toBe(Date.UTC(9999, 11, 30));
});
