import { EXPORTED_KINDS, FORMAT, FORMAT_VERSION, KEY_KINDS, KINDS, type Kind, type Scope } from '../domain/archive.ts';
import { writeRow } from '../domain/archive-fields.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { formatInstant } from '../domain/utc-day.ts';
import type { Progress } from './steps.ts';

export interface ExportReport {
  readonly holds: Scope;
  /** Without the first line and the last. */
  readonly lines: number;
  readonly accounts: number;
  readonly keys: number;
}

export interface Exporting {
  readonly scope: Scope;
  /** That of keyctl. */
  readonly version: string;
  /** Takes whole lines. */
  readonly write: (text: string) => void;
  readonly tell: (progress: Progress) => void;
}

/** Writes the store, or its keys with whatever they need, as JSON lines, all as it is at one instant; others go on meanwhile. */
export function exportStore(store: Store, { scope, version, write, tell }: Exporting): Promise<ExportReport> {
  return store.read(async (tx, now) => {
    const line = (record: Readonly<Record<string, unknown>>): string => `${JSON.stringify(record)}\n`;
    write(line({ format: FORMAT, version: FORMAT_VERSION, holds: scope, exportedAt: formatInstant(now), keyctl: version }));
    const total = await tx.archive.count(scope);
    const counts = new Map<Kind, number>();
    let lines = 0;
    for (const kind of scope === 'store' ? EXPORTED_KINDS : KEY_KINDS) {
      for await (const texts of linesOf(tx, kind, scope)) {
        write(texts.map(line).join(''));
        lines += texts.length;
        counts.set(kind, (counts.get(kind) ?? 0) + texts.length);
        tell({ text: 'exporting', done: Math.min(lines, total), total });
      }
    }
    write(line({ type: 'end', lines }));
    return { holds: scope, lines, accounts: counts.get('account') ?? 0, keys: counts.get('key') ?? 0 };
  });
}

async function* linesOf(tx: ReadTransaction, kind: Kind, scope: Scope): AsyncGenerator<readonly Record<string, unknown>[]> {
  for await (const rows of tx.archive.rows(kind, scope)) yield rows.map((row) => ({ type: kind, ...writeRow(KINDS[kind], row) }));
}
