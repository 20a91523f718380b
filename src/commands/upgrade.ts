import type { StoreUpgrade } from '../domain/store-upgrade.ts';
import { flag, type CommandModule } from './call.ts';

const UPGRADE_FIELDS = ['store', 'from', 'to', 'migrations', 'backup', 'dryRun'] as const;

export const command: CommandModule = {
  configure: (cli) =>
    void cli.option('--dry-run', 'change nothing; say what would be done').option('--backed-up', 'you have a backup: make none'),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(UPGRADE_FIELDS);
    const upgrade = await call.upgradeStore({ dryRun: flag(options, 'dryRun'), backedUp: flag(options, 'backedUp') });
    const { location: store, from, to, migrations, backup, dryRun } = upgrade;
    out.show({ store, from, to, migrations, backup, dryRun }, () => describe(upgrade), UPGRADE_FIELDS);
    return undefined;
  },
};

function describe({ location, from, to, migrations, backup, dryRun }: StoreUpgrade): string {
  if (migrations.length === 0) return `The store at ${location} is new enough (schema ${String(from)}); there is nothing to do.`;
  const move = `the store at ${location} from schema ${String(from)} to ${String(to)}`;
  if (dryRun) return `Would move ${move}${backup === null ? '' : `, after a backup to ${backup}`}. Nothing was changed.`;
  return `Moved ${move}.${backup === null ? '' : `\nA backup of what was before, verified, is at ${backup}`}`;
}
