import { usageError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import type { StoreBackup } from '../domain/store-backup.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { text, type CommandModule } from './call.ts';
import { watched } from './watching.ts';

const BACKUP_FIELDS = ['store', 'backup', 'bytes', 'schema', 'accounts', 'keys', 'debits', 'newestAt'] as const;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<file>', 'the new file; one that is there is never overwritten')
      .addHelpText(
        'after',
        '\nThe copy is the store as it is at one instant, however busy it is, with mode 0600, and is opened and proved before it gets\n' +
          'its name. It holds the digests of all keys: keep it as safe as the store. Put it back with: keyctl restore <file>',
      ),

  run: async (call, args) => {
    const { out } = call;
    out.checkFields(BACKUP_FIELDS);
    const target = text(args, 0);
    if (target === '-') throw usageError('A backup goes to a file: it is opened and proved there.', 'Name a file that is not there yet.');
    const backup = await watched(call, (watch) => call.backupStore(target, watch));
    const { location: store, path, newestAt, ...counts } = backup;
    const shown = { store, backup: path, ...counts, newestAt: newestAt === null ? null : formatInstant(newestAt) };
    out.show(shown, () => describe(backup), BACKUP_FIELDS);
    return undefined;
  },
};

function describe({ location, path, bytes, accounts, keys, debits, newestAt }: StoreBackup): string {
  const counted = (number: number, one: string): string => `${grouped(number)} ${number === 1 ? one : `${one}s`}`;
  const counts = `${counted(accounts, 'account')}, ${counted(keys, 'key')} and ${counted(debits, 'debit')}`;
  const until = newestAt === null ? 'Nothing was done in it yet.' : `The last thing done in it is of ${formatInstant(newestAt)}.`;
  return `Backed up ${location} to ${path}: ${counts}, ${grouped(bytes)} bytes, proved.\n${until}`;
}
