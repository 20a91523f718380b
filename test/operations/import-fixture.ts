import { createHash, randomBytes } from 'node:crypto';
import type { Store } from '../../src/domain/store.ts';
import type { Importer, SourceLine } from '../../src/operations/import-file.ts';
import { importKeys, type Lines } from '../../src/operations/import-keys.ts';
import { WHOLE, type Steps } from '../../src/operations/steps.ts';
import { ACTOR } from '../harness.ts';

/** Steps without a rest. */
export const AT_ONCE: Steps = { run: (step) => step(WHOLE), tell: () => undefined };

export function importer(store: Store, changed: Partial<Importer> = {}): Importer {
  const choice = { dryRun: false, plain: true };
  return { store, choice, actor: ACTOR, randomBytes, steps: AT_ONCE, rest: () => Promise.resolve(), ...changed };
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Records as the lines of a file, from the second on. */
async function* lines(records: readonly Readonly<Record<string, unknown>>[]): Lines {
  const group: SourceLine[] = records.map((record, place) => ({ line: place + 2, record, problem: null }));
  await Promise.resolve();
  yield group;
}

export function importRecords(store: Store, records: readonly Readonly<Record<string, unknown>>[], changed: Partial<Importer> = {}) {
  return importKeys(importer(store, changed), lines(records), false);
}

/** So many keys of an account, `key 0` and on, whose secrets are `<account> secret <n>`. */
export function keysOf(account: string, count: number): readonly Record<string, unknown>[] {
  return Array.from({ length: count }, (_, n) => ({ account, name: `key ${String(n)}`, sha256: sha256(`${account}-secret-${String(n)}`) }));
}
