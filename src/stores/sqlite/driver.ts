import Database from 'better-sqlite3';
import { createRequire } from 'node:module';
import { KeyctlError } from '../../domain/error.ts';

export type Sqlite = Database.Database;
export type Statement = Database.Statement;

/**
 * Opens a file with the driver, told where its native half is: by itself it would search for that from its own file, which in `dist` is
 * one of keyctl's. Throws what the driver throws, and `failed` where there is no native half.
 */
export function openFile(path: string, options: Omit<Database.Options, 'nativeBinding'> = {}): Sqlite {
  return new Database(path, { ...options, nativeBinding: nativeHalf() });
}

function nativeHalf(): string {
  try {
    return createRequire(import.meta.url).resolve('better-sqlite3/build/Release/better_sqlite3.node');
  } catch (error) {
    throw new KeyctlError('failed', 'The native half of better-sqlite3 is not installed.', {
      hint: 'npm was told to run no install scripts: allow this one and run npm rebuild better-sqlite3.',
      cause: error,
    });
  }
}
