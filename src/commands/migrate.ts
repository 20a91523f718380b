import { KeyctlError, usageError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import type { Store } from '../domain/store.ts';
import { MIGRATION_FIELDS, migrateStore, previewMigration, type MigrationReport } from '../operations/migrate-store.ts';
import { flag, missing, option, type Call, type CommandModule } from './call.ts';
import { watched } from './watching.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--to <location>', 'where to: a postgres:// URL, or the path of a new file')
      .option('--dry-run', 'change nothing; prove the books, and say what would be moved')
      .addHelpText(
        'after',
        '\nNobody else writes to the store meanwhile, and afterwards every keyctl refuses it and says where it went. Stop keyctl serve\n' +
          'first, and start it anew with the new place. A password is taken from PGPASSWORD or PGPASSFILE, never from --to.',
      ),

  run: async (call, _, options) => {
    const { out, actor } = call;
    out.checkFields(MIGRATION_FIELDS);
    const to = option(options, 'to');
    if (to === undefined) throw missing('--to', 'it says where the store moves');
    if (to === '') throw usageError('--to is empty.', 'Give it a postgres:// URL, or the path of a new file.');
    const dryRun = flag(options, 'dryRun');
    const source = await call.openStore(dryRun ? 'read' : 'write');
    const report = dryRun
      ? await watched(call, async (tell) => previewMigration({ source, to, target: await targetToLookAt(call, to), tell }))
      : await watched(call, async (tell) => migrateStore({ source, target: await call.openOther(to, 'create'), actor, tell }));
    out.show({ ...report }, () => describe(report), MIGRATION_FIELDS);
    return undefined;
  },
};

/** Null where nothing is yet, which is where a store may move. */
async function targetToLookAt(call: Call, to: string): Promise<Store | null> {
  try {
    return await call.openOther(to, 'read');
  } catch (error) {
    if (error instanceof KeyctlError && error.code === 'store_missing') return null;
    throw error;
  }
}

function describe({ store, to, dryRun, rows, accounts, keys, debits }: MigrationReport): string {
  const count = (n: number, one: string): string => `${grouped(n)} ${one}${n === 1 ? '' : 's'}`;
  const what = `${count(accounts, 'account')}, ${count(keys, 'key')} and ${count(debits, 'debit')}, ${count(rows, 'row')} in all`;
  if (dryRun) return `Would move ${store} to ${to}: ${what}. The books balance. Nothing was changed.`;
  return [
    `Moved ${store} to ${to}: ${what}.`,
    'Both sides have the same sums of every kind and day, and the books balance.',
    `Start keyctl serve with --db or KEYCTL_DB at the new place; ${store} is refused from now on.`,
  ].join('\n');
}
