import { expect, test } from '@jest/globals';
import { othersMayUse } from '../../src/domain/file-mode.ts';

test.each([
  [0o100600, 'linux', false],
  [0o100640, 'linux', true],
  [0o100604, 'darwin', true],
  // What Node tells of every file on Windows.
  [0o100666, 'win32', false],
] as const)('mode %o on %s is open to others: %s', (mode, platform, open) => {
  expect(othersMayUse(mode, platform)).toBe(open);
});
