import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A copy of a store's files in a folder that only this user may enter. */
export interface PrivateCopy {
  readonly path: string;
  remove(): void;
}

/**
 * Copies a store that may only be read where it is: SQLite needs to write beside it even to read it. Null where the files changed while
 * they were copied, since such a copy says nothing.
 */
export function privateCopy(path: string): PrivateCopy | null {
  const folder = mkdtempSync(join(tmpdir(), 'keyctl-doctor-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const files = [path, `${path}-wal`].filter((file) => existsSync(file));
    const before = files.map(stampOf);
    const copy = join(folder, 'keyctl.db');
    for (const file of files) copyFileSync(file, copy + file.slice(path.length));
    if (files.every((file, index) => stampOf(file) === before[index]) && existsSync(`${path}-wal`) === files.length > 1)
      return { path: copy, remove };
  } catch {
    // Even that may not be read.
  }
  remove();
  return null;
}

function stampOf(file: string): string {
  const { ino, size, mtimeMs } = statSync(file);
  return [ino, size, mtimeMs].join(' ');
}
