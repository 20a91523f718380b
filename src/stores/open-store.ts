import { KeyctlError } from '../domain/error.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Store } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

export interface OpenOptions {
  /** A path, or a postgres:// URL. */
  readonly location: string;
  readonly mode: 'read' | 'write' | 'create';
  readonly clock: () => Instant;
  readonly randomBytes: RandomBytes;
  readonly busyTimeoutMs: number;
}

/** Opens the store at a location. The driver is loaded only here, so that `--help` costs nothing. */
export async function openStore(options: OpenOptions): Promise<{ store: Store; created: boolean }> {
  const { location, ...rest } = options;
  if (/^postgres(ql)?:/.test(location)) {
    throw new KeyctlError('usage', 'This release of keyctl keeps its store in a SQLite file only.', {
      hint: 'Give --db or KEYCTL_DB a path.',
    });
  }
  const { openSqliteStore } = await import('./sqlite/store.ts');
  return openSqliteStore({ path: location, ...rest });
}
