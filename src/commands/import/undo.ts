import { setTimeout } from 'node:timers/promises';
import { grouped } from '../../domain/grouped.ts';
import { UNDO_FIELDS, undoImport, type UndoReport } from '../../operations/undo-import.ts';
import { text, type CommandModule } from '../call.ts';
import { watching } from '../watching.ts';
import { importSteps } from './import-steps.ts';

export const command: CommandModule = {
  configure: (cli) => void cli.argument('<batch>', 'the id of an import: it was printed then, and stands in the audit trail'),

  run: async (call, args) => {
    const { out, actor } = call;
    out.checkFields(UNDO_FIELDS);
    const store = await call.openStore('write');
    const rest = (ms: number): Promise<unknown> => setTimeout(ms);
    const report = await watching(call, ({ tell }) => undoImport({ store, actor, steps: importSteps(tell), rest }, text(args, 0)));
    out.show({ ...report }, () => describe(report), UNDO_FIELDS);
    return undefined;
  },
};

function describe({ keys, keysKept, accounts, accountsKept }: UndoReport): string {
  const lines = [
    `Took back ${grouped(keys)} ${keys === 1 ? 'key' : 'keys'}: they are denied from now on. Accounts removed: ${grouped(accounts)}.`,
  ];
  if (keysKept > 0)
    lines.push(`${grouped(keysKept)} of the keys had been used or changed: they stay in the list of deleted keys, since debits name them.`);
  if (accountsKept > 0) lines.push(`${grouped(accountsKept)} of the accounts stay: they were used, or have other keys by now.`);
  return lines.join('\n');
}
