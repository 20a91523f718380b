import { grouped } from '../domain/grouped.ts';
import { formatDay, formatInstant } from '../domain/utc-day.ts';
import { previewReset, reset, RESET_FIELDS, resetJson, type ResetReport } from '../operations/reset.ts';
import { restingSteps, type Steps } from '../operations/steps.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { flag, type Call, type CommandModule } from './call.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--dry-run', 'change nothing; show what would happen')
      .option('--prune', 'prune although the clock may have jumped ahead')
      .addHelpText(
        'after',
        '\nBalances come back at 00:00 UTC by themselves. This closes past days and deletes what need not be kept;\n' +
          'it asks nothing and may run at any time, as often as you like: once an hour from cron is usual.',
      ),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(RESET_FIELDS);
    const dryRun = flag(options, 'dryRun');
    const prune = flag(options, 'prune');
    const store = await call.openStore(dryRun ? 'read' : 'write');
    const report = dryRun
      ? await previewReset(store, prune)
      : await resetWithProgress(call, (steps) => reset(store, call.actor, prune, steps));
    if (report.silentSince !== null) {
      out.warn(
        `Nothing ${dryRun ? 'would be' : 'was'} pruned: the clock may have jumped since the debit of ${formatInstant(report.silentSince)}.`,
      );
      out.warn('If the clock of this host is right, prune with: keyctl reset --prune');
    }
    out.show(resetJson(report), () => describe(report, dryRun), RESET_FIELDS);
    if (!dryRun) await (await import('./tell-alerts.ts')).tellAlerts(call, store);
    return undefined;
  },
};

async function resetWithProgress({ out, context }: Call, act: (steps: Steps) => Promise<ResetReport>): Promise<ResetReport> {
  if (out.watched === null) return act(restingSteps());
  const { progressBar } = await import('../terminal/progress-bar.ts');
  const bar = progressBar(out.watched, context.clock, glyphs(out.unicode));
  return act(
    restingSteps((progress) => {
      bar.show(progress);
    }),
  ).finally(() => {
    bar.clear();
  });
}

function describe(report: ResetReport, dryRun: boolean): string {
  const { alreadyDone, accounts, creditsGranted, creditsExpired, tierChangesApplied, daysClosed, pruned } = report;
  const would = dryRun ? 'would be ' : '';
  const day = formatDay(report.day);
  const closed = alreadyDone
    ? 'Every day before it is closed already.'
    : `${grouped(daysClosed)} ${daysClosed === 1 ? 'day' : 'days'} ${would}closed; ${grouped(creditsExpired)} unused credits expired.`;
  const changes = tierChangesApplied === 0 ? [] : [`${grouped(tierChangesApplied)} changes of tier that had waited came into force.`];
  const { debits, usage, requestIds } = pruned;
  return [
    `${day}: ${grouped(accounts)} ${accounts === 1 ? 'account has' : 'accounts have'} ${grouped(creditsGranted)} credits for the day.`,
    closed,
    ...changes,
    `${dryRun ? 'Would be pruned' : 'Pruned'}: ${grouped(debits)} debits, ${grouped(usage)} rows of usage, ${grouped(requestIds)} request ids.`,
  ].join('\n');
}
