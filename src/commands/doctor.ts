import type { Finding } from '../domain/finding.ts';
import { checkProgram } from '../operations/check-program.ts';
import { countOf, DIAGNOSIS_FIELDS, diagnosisJson, doctor, type Diagnosis } from '../operations/doctor.ts';
import { wrapBehind } from '../terminal/fit.ts';
import type { Output } from '../terminal/output.ts';
import { painter } from '../terminal/painter.ts';
import type { Paint } from '../terminal/style.ts';
import { flag, type CommandModule } from './call.ts';
import { EXIT } from './exit-codes.ts';
import { watching } from './watching.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--quick', 'only what takes a moment, for a check every minute')
      .addHelpText(
        'after',
        '\nIt changes nothing and may run beside a busy server. Exit 1 when a promise does not hold; warnings are exit 0.',
      ),

  run: async (call, _, options) => {
    const { out, context } = call;
    out.checkFields(DIAGNOSIS_FIELDS);
    const quick = flag(options, 'quick');
    const diagnosis = await watching(call, async ({ tell }) => {
      const inspection = await call.inspectStore({ quick, tell });
      const program = checkProgram(context.env['PATH'], context.program);
      return doctor(inspection, { quick, program, clock: context.clock, tell });
    });
    out.show(diagnosisJson(diagnosis), () => describe(diagnosis, out), DIAGNOSIS_FIELDS);
    return countOf(diagnosis, 'error') > 0 ? EXIT.failed : EXIT.done;
  },
};

function describe(diagnosis: Diagnosis, { color, places }: Pick<Output, 'color' | 'places'>): string {
  const paint = painter(color);
  const { store, findings, leftOut } = diagnosis;
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = findings.map((finding) => line(finding, width, paint, places));
  const rest = leftOut.map((what) => paint.dim(`not looked at: ${what}`));
  return [paint.bold(store), ...lines, ...rest, '', verdict(diagnosis, paint)].join('\n');
}

const COLUMN = 9;

function line({ id, severity, message, hint }: Finding, width: number, paint: Paint, places: number): string {
  const color = { ok: paint.green, warning: paint.yellow, error: paint.red }[severity];
  const indent = ' '.repeat(COLUMN + width + 2);
  const told = wrapBehind(color(severity.padEnd(COLUMN)) + id.padEnd(width + 2), message, places);
  return hint === null ? told : `${told}\n${wrapBehind(indent, paint.dim(hint), places)}`;
}

function verdict(diagnosis: Diagnosis, paint: Paint): string {
  const [errors, warnings] = [countOf(diagnosis, 'error'), countOf(diagnosis, 'warning')];
  const warned = warnings === 0 ? '' : `, ${many(warnings, 'warning')}`;
  if (errors > 0) return paint.red(`${many(errors, 'error')}${warned}.`);
  return `${diagnosis.quick ? 'What was looked at holds' : 'Everything holds'}${warned}.`;
}

function many(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? '' : 's'}`;
}
