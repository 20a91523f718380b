import { piped } from '../commands/piped-call.ts';

const READS = [
  ...['account list', 'list --status all', 'tier list', 'service list', 'config list', 'credit list', 'denials', 'debits', 'audit'],
  ...['usage --since 4d --by day', 'usage --since 4d --by key'],
];

/**
 * Everything that an operator can read of a store's past and present, by the command that tells it. It is built together with each
 * schema's program: one process reads it all.
 */
async function read(path: string, now: number): Promise<Record<string, unknown>> {
  const told: Record<string, unknown> = {};
  for (const line of READS) {
    const { code, stdout, stderr } = await piped([...line.split(' '), '--json'], { path, clock: { now } });
    if (code !== 0) throw new Error(`keyctl ${line} exited ${String(code)}: ${stderr}`);
    told[line] = JSON.parse(stdout);
  }
  return told;
}

void read(process.argv[2] ?? '', Date.now()).then((told) => process.stdout.write(JSON.stringify(told)));
