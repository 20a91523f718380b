import type { Scope } from '../../src/domain/archive.ts';
import type { Store } from '../../src/domain/store.ts';
import { exportStore } from '../../src/operations/export-store.ts';
import { exportedScope, type ImportReport, type Importer } from '../../src/operations/import-file.ts';
import { importKeys, type Lines } from '../../src/operations/import-keys.ts';
import { importStore } from '../../src/operations/import-store.ts';
import { memoryStore, type TestClock } from '../harness.ts';
import { importer } from './import-fixture.ts';

type Line = Readonly<Record<string, unknown>>;

/** The lines of an export, the first and the last too. */
export async function exported(store: Store, scope: Scope = 'store'): Promise<readonly Line[]> {
  const texts: string[] = [];
  await exportStore(store, { scope, version: 'test', write: (text) => texts.push(text), tell: () => undefined });
  return texts
    .join('')
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Line);
}

/** Imports the lines of an export. */
export async function imported(store: Store, all: readonly Line[], changed: Partial<Importer> = {}): Promise<ImportReport> {
  const [header = {}, ...others] = all;
  const lines = async function* (): Lines {
    await Promise.resolve();
    yield others.map((record, place) => ({ line: place + 2, record, problem: null }));
  };
  const by = importer(store, changed);
  return exportedScope(header) === 'store' ? importStore(by, lines()) : importKeys(by, lines(), true);
}

/** A new store with the clock of another. */
export async function emptyStore(clock: TestClock): Promise<Store> {
  return (await memoryStore('', clock)).store;
}

/** What makes two exports of the same store different. */
export function comparable(lines: readonly Line[]): readonly Line[] {
  return lines.slice(1, -1).filter(({ type, action }) => type !== 'audit' || action !== 'store.import');
}
