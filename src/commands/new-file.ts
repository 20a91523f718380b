import { openSync } from 'node:fs';
import { KeyctlError } from '../domain/error.ts';

/**
 * Opens the file of --out, which must not exist yet, for its owner alone. `undone` says what else did not happen when that fails. Throws
 * `already_exists` or `failed`. SECURITY: the path is not repeated, it may be somebody's secret in the wrong place.
 */
export function openNewFile(path: string, undone?: string): number {
  const end = undone === undefined ? '.' : `; ${undone}.`;
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if (isOfSystem(error) && error.code === 'EEXIST') {
      throw new KeyctlError('already_exists', `The file of --out exists already${end}`, {
        hint: 'Give --out the path of a new file.',
        cause: error,
      });
    }
    throw new KeyctlError('failed', `The file of --out cannot be made${end}`, {
      hint: 'Check the folder and its permissions.',
      cause: error,
    });
  }
}

/** What the operating system says to a file; what the store says was translated. */
export function isOfSystem(error: unknown): error is { readonly code: string } {
  return typeof error === 'object' && error !== null && 'syscall' in error && 'code' in error;
}
