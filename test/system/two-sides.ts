import { keyctl } from '../harness.ts';
import { jsonListOf, jsonOf } from './http-client.ts';

/** Runs keyctl over a store, as an operator does, and returns its stdout. */
export async function operate(db: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await keyctl(args, { db });
  if (code !== 0) throw new Error(`keyctl ${args.join(' ')} exited ${String(code)}: ${stderr}`);
  return stdout;
}

/** The error code with which keyctl refuses to use a store. */
export async function refusal(db: string): Promise<unknown> {
  const { error } = jsonOf((await keyctl(['list', '--json'], { db })).stderr);
  return jsonOf(JSON.stringify(error))['code'];
}

/** What `doctor` proves of the books, as opposed to what it looks at in a file or a database. */
const PROOFS = ['books', 'debits', 'usage', 'adjustments', 'grants', 'closed_days', 'caps', 'request_ids'];
/** A large year has a million debits, of which the newest will do. */
const MANY = '10000';

/** What an operator is told of a store, under the command that tells it; `at` is a time from now on, and `explained` a key. */
export async function toldOf(db: string, { explained, at }: { explained: string; at: string }): Promise<Readonly<Record<string, unknown>>> {
  const told: Record<string, unknown> = {};
  for (const words of [
    ...[
      ['tier', 'list'],
      ['service', 'list'],
      ['env', 'list'],
      ['config', 'list'],
      ['credit', 'list', '--limit', MANY],
      ['alert', 'list'],
    ],
    ...[
      ['account', 'list', '--limit', MANY],
      ['list', '--status', 'all', '--limit', MANY],
    ],
    ...[
      ['debits', '--limit', MANY],
      ['denials', '--limit', MANY],
      ['explain', explained, '--at', at],
    ],
  ]) {
    told[words.join(' ')] = JSON.parse(await operate(db, [...words, '--json']));
  }
  const { findings } = jsonOf(await operate(db, ['doctor', '--json']));
  told['doctor'] = jsonListOf(JSON.stringify(findings)).filter(({ id }) => PROOFS.includes(String(id)));
  return { ...told, ...(await usedUntil(db, at)) };
}

/** A year of usage up to an instant, in the ways in which it can be looked at. */
export async function usedUntil(db: string, until: string): Promise<Readonly<Record<string, unknown>>> {
  const told: Record<string, unknown> = {};
  for (const [by, since] of [
    ...[
      ['hour', '30d'],
      ['day', '360d'],
      ['account', '360d'],
      ['key', '360d'],
      ['code', '30d'],
    ],
  ] as const) {
    told[`usage by ${by}`] = JSON.parse(await operate(db, ['usage', '--by', by, '--since', since, '--until', until, '--json']));
  }
  return told;
}
