import { setTimeout } from 'node:timers/promises';
import { KeyctlError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import type { Store } from '../domain/store.ts';
import { exportedScope, IMPORT_FIELDS, type Importer, type ImportReport, type SourceLine } from '../operations/import-file.ts';
import { importKeys, type Lines } from '../operations/import-keys.ts';
import { importStore } from '../operations/import-store.ts';
import { flag, text, type Call, type CommandModule } from './call.ts';
import { EXIT } from './exit-codes.ts';
import { watching, type Watch } from './watching.ts';
import { importSteps } from './import/import-steps.ts';
import { openSource, type Source } from './import/open-source.ts';
import { readLines } from './import/read-lines.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<file>', 'JSON lines or CSV with column names, or an export of keyctl; - for stdin, where keys may be in plain')
      .option('--dry-run', 'check every line and change nothing')
      .addHelpText(
        'after',
        '\nColumns: account, external_id, tier, name, environment, sha256 or sha256_base64, expires, note, services,\n' +
          'allowed_ips, daily_cap, status; and key, in plain, on stdin only. Every line is checked before the first is written.',
      ),

  run: async (call, args, options) => {
    const { out } = call;
    out.checkFields(IMPORT_FIELDS);
    const source = await openSource(call, text(args, 0));
    try {
      const dryRun = flag(options, 'dryRun');
      const lines = readLines(source.bytes);
      // Before a store is made for it: there may be nothing to read.
      const first = await lines.next();
      const store = dryRun ? await openToCompare(call) : await call.openStore('create');
      const report = await watching(call, (watch) => {
        const some = told(first.done === true ? [] : first.value, lines, source, watch);
        return importLines(importerOf(call, store, { dryRun, plain: source.plain }, watch), some);
      });
      if (!out.json)
        for (const { line, field, message } of report.problems)
          out.warn(`line ${String(line)}${field === null ? '' : `, ${field}`}: ${message}`);
      out.show({ ...report }, () => describe(report), IMPORT_FIELDS);
      return report.problemCount > 0 ? EXIT.failed : EXIT.done;
    } finally {
      await source.close();
    }
  },
};

/** Lines are checked against what there is; who has no store yet is told that the import itself would make one. */
async function openToCompare(call: Call): Promise<Store> {
  try {
    return await call.openStore('read');
  } catch (error) {
    if (!(error instanceof KeyctlError) || error.code !== 'store_missing') throw error;
    const hint = 'Make one with keyctl init, and then compare; without --dry-run the import makes one.';
    throw new KeyctlError('store_missing', error.message, { hint, cause: error });
  }
}

function importerOf(call: Call, store: Store, choice: Importer['choice'], watch: Watch): Importer {
  const { actor, context } = call;
  return { store, choice, actor, randomBytes: context.randomBytes, steps: importSteps(watch.tell), rest: (ms) => setTimeout(ms) };
}

/** The first line says what they are. */
async function importLines(importer: Importer, lines: AsyncGenerator<readonly SourceLine[]>): Promise<ImportReport> {
  const first = await lines.next();
  const [header, ...others] = first.done === true ? [] : first.value;
  const scope = exportedScope(header?.record ?? null);
  const some = rejoined(scope === null && header !== undefined ? [header, ...others] : others, lines);
  return scope === 'store' ? importStore(importer, some) : importKeys(importer, some, scope === 'keys');
}

async function* rejoined(first: readonly SourceLine[], rest: Lines): AsyncGenerator<readonly SourceLine[]> {
  yield first;
  yield* rest;
}

/** Tells how far the reading is as the lines go by. */
async function* told(first: readonly SourceLine[], rest: Lines, source: Source, watch: Watch): AsyncGenerator<readonly SourceLine[]> {
  let count = 0;
  for await (const some of rejoined(first, rest)) {
    yield some;
    count += some.length;
    if (source.size === null) watch.say(`${grouped(count)} lines checked`);
    else watch.tell({ text: 'checking', done: Math.min(source.read(), source.size), total: source.size });
  }
}

function describe(report: ImportReport): string {
  const { batch, dryRun, holds, lines, problemCount, problems } = report;
  if (problemCount > 0) {
    const more = problemCount > problems.length ? ` The first ${grouped(problems.length)} are told above.` : '';
    const these = problemCount === 1 ? '1 problem' : `${grouped(problemCount)} problems`;
    return `Nothing was imported: ${these} in ${grouped(lines)} lines.${more}`;
  }
  const made = countsOf(report);
  if (dryRun) return `Would import ${made}. Nothing was changed.`;
  if (holds === 'store') return `Imported a whole store: ${made}. Look at it with: keyctl status`;
  return `Imported ${made}.\nTo take it back: keyctl import undo ${batch ?? ''}`;
}

function countsOf({ keys, accounts, tiers, services, environments }: ImportReport): string {
  const count = (n: number, one: string): string => `${grouped(n)} ${one}${n === 1 ? '' : 's'}`;
  const others = [
    [tiers, 'tier'],
    [services, 'service'],
    [environments, 'environment'],
  ] as const;
  return [count(keys, 'key'), count(accounts, 'account'), ...others.filter(([n]) => n > 0).map(([n, one]) => count(n, one))].join(', ');
}
