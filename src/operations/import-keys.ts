import { KeyctlError } from '../domain/error.ts';
import { newId } from '../domain/random.ts';
import type { Import, StagedLine, WriteTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import { CatalogueLines } from './catalogue-lines.ts';
import { lineOf, stageExportedAccount, stageExportedKey, stageKeyLine, type Checking } from './check-lines.ts';
import { Problems, type Importer, type ImportReport, type SourceLine } from './import-file.ts';
import { ColumnError } from './import-line.ts';
import { keyForms } from './key-forms.ts';
import type { Staged, StagedAccount, StagedKey } from './staged-key.ts';
import type { Stint } from './steps.ts';
import { clearAway, takeBack, underWay } from './undo-import.ts';

/** How many lines are checked on one snapshot, and how many are imported in one transaction if its stint does not say otherwise. */
const LINES_PER_CHECK = 500;
const LINES_PER_STEP = 100;

/** The lines of a file, one group after the other. */
export type Lines = AsyncIterable<readonly SourceLine[]>;

/**
 * Imports keys, with the accounts that they need. Every line is checked before the first is written; then they are written in short
 * transactions beside whoever else works with the store, hidden, and appear all at once. When anything fails, or the process is killed, nothing
 * of it is ever seen. `exported` says that the lines are an export of ours.
 * Throws `conflict` when another import is under way, or when what was checked no longer fits.
 */
export async function importKeys(importer: Importer, lines: Lines, exported: boolean): Promise<ImportReport> {
  const { choice } = importer;
  const checked = await check(importer, lines, exported);
  const { problems, counts } = checked;
  const report = (batch: string | null): ImportReport => ({
    ...{ batch, dryRun: choice.dryRun, holds: 'keys', lines: checked.lines, ...counts, ...checked.catalogue.counts },
    ...{ problems: problems.told, problemCount: problems.count },
  });
  if (problems.count > 0 || choice.dryRun) return report(null);
  await clearAway(importer);
  await checked.catalogue.make(importer);
  return report(await write(importer, counts.accounts + counts.keys));
}

interface Checked {
  readonly problems: Problems;
  readonly lines: number;
  readonly counts: { readonly accounts: number; readonly keys: number };
  readonly catalogue: CatalogueLines;
}

async function check(importer: Importer, lines: Lines, exported: boolean): Promise<Checked> {
  const { store } = importer;
  const problems = new Problems();
  const forms = await store.read(async (tx) => {
    await tx.staging.clear();
    return keyForms(tx);
  });
  const catalogue = await CatalogueLines.over(store);
  let [count, ended] = [0, false];
  for await (const some of lines) {
    for (let begin = 0; begin < some.length; begin += LINES_PER_CHECK) {
      await store.read(async (tx, now) => {
        for (const { line, record, problem } of some.slice(begin, begin + LINES_PER_CHECK)) {
          count += 1;
          if (record === null || problem !== null) {
            problems.add(line, problem ?? 'That is not a record.');
            continue;
          }
          const checking = { tx, now, line, known: { ...catalogue.known, prefixes: forms.prefixes }, randomBytes: importer.randomBytes };
          try {
            if (exported && ended) throw new ColumnError('type', 'The export has ended before it.');
            ended = exported && record['type'] === 'end';
            if (ended) checkCount(record, count - 1);
            else if (exported) await checkEntity(checking, record, catalogue);
            else await stageKeyLine(checking, record, importer.choice.plain);
          } catch (error) {
            if (error instanceof ColumnError) problems.add(line, error.message, error.field);
            else if (exported && error instanceof KeyctlError && error.code === 'usage') problems.add(line, error.message);
            else throw error;
          }
        }
      });
    }
  }
  if (exported && !ended) problems.add(count + 2, 'The export ends before its last line: it was cut short.');
  const counts = await store.read(async (tx) => ({ accounts: await tx.staging.count('account'), keys: await tx.staging.count('key') }));
  return { problems, lines: ended ? count - 1 : count, counts, catalogue };
}

/** The last line says how many there were before it. */
function checkCount({ lines }: Readonly<Record<string, unknown>>, count: number): void {
  if (lines !== count) throw new ColumnError('lines', 'Lines of the export are missing.');
}

async function checkEntity(checking: Checking, record: Readonly<Record<string, unknown>>, catalogue: CatalogueLines): Promise<void> {
  const { type } = record;
  if (type === 'account') await stageExportedAccount(checking, record);
  else if (type === 'key') await stageExportedKey(checking, record);
  else if (!catalogue.take(record)) throw new ColumnError('type', 'That is no line of an export of keys.');
}

/** Writes what was staged and returns the id of the batch. */
async function write(importer: Importer, total: number): Promise<string> {
  const { store, steps, actor, randomBytes } = importer;
  const batch = await store.write(async (tx, now) => {
    if ((await tx.imports.unfinished()) !== null) throw underWay();
    return tx.imports.begin(newId('imp', randomBytes), now);
  });
  try {
    let [after, done] = [0, 0];
    for (;;) {
      const page = await steps.run((stint) => store.write((tx, now) => stint.work(() => writeSome(tx, { batch, after, now, stint }))));
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.line;
      done += page.length;
      steps.tell({ text: 'importing', done: Math.min(done, total), total });
    }
    await store.write(async (tx, now) => {
      const { accounts, keys } = await ours(tx, batch);
      await tx.imports.finish(batch.ref, now);
      await tx.audit.append({
        ...{ at: now, actor, action: 'store.import', targetKind: 'store', targetId: batch.id, targetName: 'keys' },
        ...{ before: null, after: { accounts, keys } },
      });
    });
    return batch.id;
  } catch (error) {
    await takeBack(importer, batch).catch(() => undefined);
    throw error;
  }
}

interface Writing {
  readonly batch: Import;
  readonly after: number;
  readonly now: Instant;
  readonly stint: Stint;
}

async function writeSome(tx: WriteTransaction, { batch, after, now, stint }: Writing): Promise<readonly StagedLine[]> {
  await ours(tx, batch);
  const page = await tx.staging.page(after, Math.ceil(LINES_PER_STEP * stint.portion));
  for (const { line, kind, text } of page) {
    if (kind !== 'account' && kind !== 'key') continue;
    try {
      const staged = JSON.parse(text) as Staged;
      if (staged.kind === 'account') await writeAccount(tx, batch, staged, now);
      else await writeKey(tx, batch, staged, now);
    } catch (error) {
      if (!(error instanceof KeyctlError) || error.code !== 'conflict') throw error;
      throw new KeyctlError('conflict', `Line ${String(lineOf(line))} does not fit the store any more; nothing was imported.`, {
        hint: 'Somebody changed the store while the lines were checked. Try again.',
        cause: error,
      });
    }
  }
  return page;
}

/** The import as it stands. Throws `conflict` when somebody has cleared it away. */
async function ours(tx: WriteTransaction, batch: Import): Promise<Import> {
  const found = await tx.imports.byId(batch.id);
  if (found !== null && found.undoneAt === null) return found;
  throw new KeyctlError('conflict', 'Another import has cleared this one away; nothing was imported.', { hint: 'Try again.' });
}

async function writeAccount(tx: WriteTransaction, batch: Import, { account, tier, tiers }: StagedAccount, now: Instant): Promise<void> {
  await tx.imports.addAccount(batch.ref, { ...account, tiers: tiers ?? [{ from: 0, tier, decidedAt: now }] });
}

async function writeKey(
  tx: WriteTransaction,
  batch: Import,
  { kind: _, account, createdAt, capOf, ...key }: StagedKey,
  now: Instant,
): Promise<void> {
  const accountRef = await tx.imports.accountByName(account);
  if (accountRef === null) throw new KeyctlError('conflict', 'The account is gone.');
  const capGroup = capOf === null || capOf === key.id ? null : await tx.imports.capGroupOf(capOf);
  await tx.imports.addKey(batch.ref, { ...key, accountRef, createdAt: createdAt ?? now, deletedAt: null, capGroup });
}
