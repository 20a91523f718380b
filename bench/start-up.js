// What whole processes take against `node -e 0`, in turns: the time that a person waits, and the processor's, which a busy machine changes less.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BINARY, median, say, target } from './measure.js';

const CREATE = ['create', '--account', 'default', '--name'];
const COMMANDS = [['--help'], ['list'], CREATE];
const TURNS_A_ROUND = 7;

/** One process, timed by the shell: Node cannot tell how much of the processor a child of its took. Milliseconds. */
function time(args, path) {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';
  const child = spawnSync('bash', ['-c', script, 'bash', process.execPath, ...args], {
    encoding: 'utf8',
    env: { ...process.env, KEYCTL_DB: path, LC_ALL: 'C' },
  });
  if (child.error !== undefined) throw child.error;
  if (child.status !== 0) throw new Error(`${args.join(' ')} ended with ${String(child.status)}`);
  const [wall, user, system] = child.stderr.trim().split(' ').map(Number);
  return { wall: wall * 1_000, cpu: (user + system) * 1_000 };
}

/** Returns the section for docs/performance.md and the rows for its table of targets. */
export function startUp({ folder, method }) {
  say('start-up …');
  const path = join(folder, 'start-up.db');
  time([BINARY, ...CREATE, 'first'], path);
  const bare = [];
  const runs = COMMANDS.map(() => []);
  for (let turn = 0; turn < method.rounds * TURNS_A_ROUND; turn += 1) {
    const yardstick = time(['-e', '0'], path);
    bare.push(yardstick);
    for (const [place, command] of COMMANDS.entries()) {
      const took = time([BINARY, ...command, ...(command === CREATE ? [`turn-${String(turn)}`] : [])], path);
      runs[place].push({ ...took, ratio: took.wall / yardstick.wall, cpuRatio: took.cpu / yardstick.cpu });
    }
  }
  return report(bare, runs);
}

function report(bare, runs) {
  const middle = (list, field) => median(list.map((run) => run[field]));
  const rows = COMMANDS.map(([name], place) => {
    const [wall, ratio, cpu, cpuRatio] = ['wall', 'ratio', 'cpu', 'cpuRatio'].map((field) => middle(runs[place], field));
    return { name: `keyctl ${name}`, ratio, line: `${wall.toFixed(0)} | ${ratio.toFixed(2)} | ${cpu.toFixed(0)} | ${cpuRatio.toFixed(2)}` };
  });
  const section = [
    '### Start-up',
    '',
    `Whole processes against \`node -e 0\`, which took ${middle(bare, 'wall').toFixed(0)} ms, ${middle(bare, 'cpu').toFixed(0)} ms of the processor's.`,
    `Medians of ${String(bare.length)} turns, each ratio within its turn. \`create\` waits for the disk as well: its key is on it when the command ends.`,
    '',
    '| command | ms | ratio | CPU ms | CPU ratio |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(({ name, line }) => `| ${name} | ${line} |`),
    '',
  ].join('\n');
  const targets = rows.map(({ name, ratio }) =>
    target(`\`${name}\` against \`node -e 0\``, 'at most 1.6 times', `${ratio.toFixed(2)} times`, ratio <= 1.6),
  );
  return { section, targets };
}
