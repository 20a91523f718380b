import { createReadStream, existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { KeyctlError, usageError } from '../domain/error.ts';
import type { Restoring } from '../domain/store-backup.ts';
import { hasGap, planRestore, restoreStore, type RestorePlan } from '../operations/restore-store.ts';
import { cancelled, flag, option, text, type Call, type CommandModule } from './call.ts';
import { describeDone, describePlan, gapText, RESTORE_FIELDS, restoreJson } from './describe-restore.ts';
import { watched } from './watching.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .argument('<file>', 'a backup, made by keyctl backup, keyctl upgrade or Litestream')
      .option('--reapply <file>', 'close what the lines of a shipped audit --follow --json say was closed since')
      .option('--accept-gap', 'restore although what was done since the backup can be read nowhere')
      .option('--yes', 'do not ask for the name of the store to be typed')
      .addHelpText(
        'after',
        '\nNo door is opened again: keys disabled, deleted, rotated or restricted since, suspended accounts, spending, debits and the\n' +
          'audit trail are carried over from the store that is replaced, and so is what was made since. It is kept beside the restored\n' +
          'one. No process may have it open: stop keyctl serve first.',
      ),

  run: async (call, args, options) => {
    const { out, actor } = call;
    out.checkFields(RESTORE_FIELDS);
    const file = text(args, 0);
    if (file === '-') throw usageError('A backup is restored from a file.', 'Name the file.');
    const prompts = flag(options, 'yes') ? null : await call.prompts();
    if (prompts === null && !flag(options, 'yes')) {
      throw usageError('--yes is missing: a restore replaces the whole store.', 'Give --yes; nobody can be asked here.');
    }
    const lines = linesOf(option(options, 'reapply'));
    const { restoring, plan } = await look(call, file, lines);
    if (!out.json) for (const line of describePlan(restoring, plan)) out.note(line);
    checkGap(call, restoring, plan, flag(options, 'acceptGap'));
    if (prompts !== null) {
      const name = basename(restoring.location);
      if (!(await prompts.typed(`Type ${name} to replace it`, name))) throw cancelled();
    }
    const restored = await watched(call, (watch) => restoreStore(restoring, plan, actor, watch));
    for (const name of restored.putBack?.namesTaken ?? []) {
      out.warn(`The name ${JSON.stringify(name)} belongs to another by now, so that who had it in the backup keeps its new one.`);
    }
    out.show(restoreJson(restoring, restored), () => describeDone(restoring, restored), RESTORE_FIELDS);
    return undefined;
  },
};

/** Proving a large backup and a large store takes its time. */
async function look(
  call: Call,
  file: string,
  lines: AsyncIterable<string> | null,
): Promise<{ readonly restoring: Restoring; readonly plan: RestorePlan }> {
  const { out, context } = call;
  if (out.watched !== null) out.passing('Proving the backup and the store ...');
  try {
    const restoring = await call.openRestore(file);
    return { restoring, plan: await planRestore(restoring, lines, context.clock()) };
  } finally {
    if (out.watched !== null) out.passing('');
  }
}

function checkGap({ out }: Call, restoring: Restoring, plan: RestorePlan, accepted: boolean): void {
  if (!hasGap(plan)) return;
  const gap = gapText(restoring, plan);
  if (accepted) return out.json ? undefined : out.warn(gap);
  throw usageError(
    `--accept-gap is missing: ${gap}`,
    'Give --reapply with the lines of keyctl audit --follow --json if you have shipped them, or --accept-gap.',
  );
}

/** The lines are read once, so that they may come from a pipe. */
function linesOf(path: string | undefined): AsyncIterable<string> | null {
  if (path === undefined) return null;
  if (!existsSync(path) || statSync(path).isDirectory()) {
    throw new KeyctlError('not_found', 'There is no such file to reapply.', { hint: 'It holds what keyctl audit --follow --json wrote.' });
  }
  return linesIn(path);
}

/** Opened when the first line is asked for: what is read before anybody listens would be lost. */
async function* linesIn(path: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
}
