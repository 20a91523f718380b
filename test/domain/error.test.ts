import { describe, expect, test } from '@jest/globals';
import { KeyctlError, usageError } from '../../src/domain/error.ts';

describe('a failure', () => {
  test('says what went wrong, what to do next, and what was beneath it', () => {
    const cause = new Error('disk I/O error');
    const error = new KeyctlError('store_damaged', 'The store is damaged.', { hint: 'Restore a backup.', cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'KeyctlError',
      code: 'store_damaged',
      message: 'The store is damaged.',
      hint: 'Restore a backup.',
      cause,
    });
  });

  test('has no hint and no cause unless there is one', () => {
    const error = new KeyctlError('not_found', 'There is no such key.');
    expect(error.hint).toBeNull();
    expect('cause' in error).toBe(false);
  });

  test('of usage is the shortest to write', () => {
    expect(usageError('No.')).toMatchObject({ code: 'usage', hint: null });
    expect(usageError('No.', 'Say yes.')).toMatchObject({ code: 'usage', hint: 'Say yes.' });
  });
});
