// How long whole processes take against `node -e 0`, in turns.
import { spawnSync } from 'node:child_process';

const COMMANDS = [['--help'], ['list'], ['create', '--name']];

/** Returns the section for docs/performance.md. */
export async function startUp(binary, path, rounds) {
  const time = (args) => {
    const since = performance.now();
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore', env: { ...process.env, KEYCTL_DB: path } });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${String(status)}`);
    return performance.now() - since;
  };
  const ratios = COMMANDS.map(() => []);
  const bare = [];
  for (let round = 0; round < rounds * 4; round += 1) {
    for (const [place, command] of COMMANDS.entries()) {
      const yardstick = time(['-e', '0']);
      const named = command[0] === 'create' ? [...command, `bench-${String(round)}`, '--account', 'default'] : command;
      const mine = time([binary, ...named]);
      if (round > 0) ratios[place].push(mine / yardstick);
      bare.push(yardstick);
    }
  }
  const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];
  return [
    '### Start-up',
    '',
    `Target: at most 1.6 times \`node -e 0\`, which took ${median(bare).toFixed(0)} ms.`,
    '',
    '| command | ratio |',
    '| --- | ---: |',
    ...COMMANDS.map((command, place) => `| keyctl ${command[0]} | ${median(ratios[place]).toFixed(2)} |`),
    '',
  ].join('\n');
}
