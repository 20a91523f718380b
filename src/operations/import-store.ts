import { isExported, KINDS, Misfit, type Kind } from '../domain/archive.ts';
import { readRow } from '../domain/archive-fields.ts';
import { KeyctlError } from '../domain/error.ts';
import type { StagedLine, WriteTransaction } from '../domain/store.ts';
import { Problems, type Importer, type ImportReport } from './import-file.ts';
import type { Lines } from './import-keys.ts';

const LINES_PER_PAGE = 500;

/**
 * Imports an export of a whole store into one that nobody has used: everything becomes as it was there. It is one transaction, which nobody waits
 * for: who asks meanwhile has no key yet. Every line is checked before.
 * Throws `conflict` for a store that is in use, and `failed` for lines that do not fit together.
 */
export async function importStore(importer: Importer, lines: Lines): Promise<ImportReport> {
  const { store, choice } = importer;
  await store.read(async (tx) => {
    checkUntouched(await tx.archive.isUntouched());
    await tx.staging.clear();
  });
  const { problems, total } = await check(importer, lines);
  const counts = await store.read(async (tx) => {
    const [accounts, keys, tiers, services, environments] = await Promise.all(
      (['account', 'key', 'tier', 'service', 'environment'] as const).map((kind) => tx.staging.count(kind)),
    );
    return { accounts: accounts ?? 0, keys: keys ?? 0, tiers: tiers ?? 0, services: services ?? 0, environments: environments ?? 0 };
  });
  if (problems.count === 0 && !choice.dryRun) await write(importer, total);
  const told = { problems: problems.told, problemCount: problems.count };
  return { batch: null, dryRun: choice.dryRun, holds: 'store', lines: total, ...counts, ...told };
}

function checkUntouched(untouched: boolean): void {
  if (untouched) return;
  throw new KeyctlError('conflict', 'The store is in use; an export of a whole store goes into an empty one only.', {
    hint: 'Give --db the path of a new store. To add the keys of another store to this one, export them there with: keyctl export --keys --out FILE',
  });
}

async function check({ store }: Importer, lines: Lines): Promise<{ readonly problems: Problems; readonly total: number }> {
  const problems = new Problems();
  let [total, ended] = [0, false];
  for await (const some of lines) {
    await store.read(async (tx) => {
      for (const { line, record, problem } of some) {
        if (ended) problems.add(line, 'The export has ended before it.');
        else if (record?.['type'] === 'end') {
          ended = true;
          if (record['lines'] !== total) problems.add(line, 'Lines of the export are missing.');
        } else {
          total += 1;
          const wrong = problem ?? wrongWith(record);
          if (wrong !== null) problems.add(line, wrong);
          else await tx.staging.add({ line, kind: String(record?.['type']), text: JSON.stringify(record) });
        }
      }
    });
  }
  if (!ended) problems.add(total + 2, 'The export ends before its last line: it was cut short.');
  return { problems, total };
}

function wrongWith(record: Readonly<Record<string, unknown>> | null): string | null {
  const kind = record?.['type'];
  if (record === null || !isExported(kind)) return 'That is no line of an export.';
  try {
    readRow(KINDS[kind], record);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'That is no line of an export.';
  }
}

async function write({ store, actor, steps }: Importer, total: number): Promise<void> {
  await store.write(async (tx, now) => {
    checkUntouched(await tx.archive.isUntouched());
    await tx.archive.clear('file');
    let [after, done] = [0, 0];
    for (;;) {
      const page = await tx.staging.page(after, LINES_PER_PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const group of groupedByKind(page)) await put(tx, group);
      after = last.line;
      done += page.length;
      steps.tell({ text: 'importing', done: Math.min(done, total), total });
    }
    await tx.archive.seal();
    await tx.audit.append({
      ...{ at: now, actor, action: 'store.import', targetKind: 'store', targetId: 'store', targetName: 'store' },
      ...{ before: null, after: { lines: total } },
    });
  });
}

/** Lines of one kind that stand one after the other, so that a store can take them in together. */
interface Group {
  readonly kind: Kind;
  readonly lines: StagedLine[];
}

function groupedByKind(page: readonly StagedLine[]): readonly Group[] {
  const groups: Group[] = [];
  for (const line of page) {
    if (!isExported(line.kind)) continue;
    const last = groups.at(-1);
    if (last?.kind === line.kind) last.lines.push(line);
    else groups.push({ kind: line.kind, lines: [line] });
  }
  return groups;
}

async function put(tx: WriteTransaction, { kind, lines }: Group): Promise<void> {
  try {
    await tx.archive.put(
      kind,
      lines.map(({ text }) => readRow(KINDS[kind], JSON.parse(text))),
    );
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const line = String(lines[error.place]?.line);
    throw new KeyctlError('failed', `Line ${line} cannot be imported: ${error.message} Nothing was imported.`, { cause: error });
  }
}
