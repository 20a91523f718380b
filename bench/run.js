// `npm run bench`: every figure in docs/performance.md, measured in turns in one run.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alerts } from './alerts.js';
import { hot, spread } from './against-bare.js';
import { commitMillis } from './commit.js';
import { growth, largeStore } from './growth.js';
import { LoadGenerator } from './load.js';
import { BINARY, CONNECTIONS, say } from './measure.js';
import { nodes } from './nodes.js';
import { peers } from './peers.js';
import { resetBeside } from './reset.js';
import { startUp } from './start-up.js';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const PARTS = { hot, spread, nodes, growth, reset: resetBeside, alerts, peers, 'start-up': startUp };
const FULL = { accounts: 1_000_000, debits: 10_000_000, middle: 10_000 };
const QUICK = { accounts: 100_000, debits: 1_000_000, middle: 10_000 };

const HELP = `npm run bench -- [options]
  --only a,b       only these parts, shown and not written: ${Object.keys(PARTS).join(', ')}
  --rounds N       rounds that count, beside one that does not (5)
  --seconds N      of each load (4)
  --quick          2 rounds of 2 s, and a tenth of the keys and debits; shown and not written
  --load NAME      autocannon, even where wrk is there
`;

const { values } = parseArgs({
  options: {
    ...{ only: { type: 'string' }, rounds: { type: 'string' }, seconds: { type: 'string' } },
    ...{ quick: { type: 'boolean', default: false }, load: { type: 'string' }, help: { type: 'boolean', default: false } },
  },
});

function chosenParts() {
  const names = values.only?.split(',') ?? Object.keys(PARTS);
  for (const name of names) if (!Object.hasOwn(PARTS, name)) throw new Error(`There is no part ${name}.\n${HELP}`);
  return names;
}

/** What the parts share: where, how and on what they measure. */
async function newWorld(folder) {
  const sizes = values.quick ? QUICK : FULL;
  let made = null;
  const [rounds, seconds] = values.quick ? [2, 2] : [5, 4];
  return {
    folder,
    sizes,
    method: {
      generator: await LoadGenerator.find(folder, values.load),
      rounds: Number(values.rounds ?? rounds),
      seconds: Number(values.seconds ?? seconds),
    },
    commit: commitMillis(folder),
    large: () => (made ??= largeStore({ folder, sizes })),
  };
}

function machineAndMethod({ method, commit }) {
  const version = execFileSync(process.execPath, [BINARY, '--version'], { encoding: 'utf8' }).trim();
  const { generator, rounds, seconds } = method;
  const [{ model } = { model: 'unknown' }] = cpus();
  const machine = `${String(cpus().length)} cores (${model}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`;
  return (
    `Measured with keyctl ${version} on ${machine}; the load by ${generator.name}, ${String(CONNECTIONS)} connections, ${String(rounds)} rounds of ${String(seconds)} s, medians. ` +
    `One write of 16 KiB with fdatasync took ${commit.p50.toFixed(2)} ms (median), ${commit.p99.toFixed(2)} ms (99 %).`
  );
}

function targetTable(targets) {
  const line = ({ what, wanted, seen, met }) => `| ${what} | ${wanted} | ${seen} | ${met ? 'yes' : '**no**'} |`;
  return ['### Targets', '', '| what | target | seen | met |', '| --- | --- | --- | --- |', ...targets.map(line), ''].join('\n');
}

async function measure(folder) {
  const names = chosenParts();
  const world = await newWorld(folder);
  const results = [];
  for (const name of names) {
    const since = performance.now();
    results.push(await PARTS[name](world));
    say(`  ${name}: ${((performance.now() - since) / 1_000).toFixed(0)} s`);
  }
  const targets = targetTable(results.flatMap((result) => result.targets));
  const text = [machineAndMethod(world), '', targets, ...results.map((result) => result.section)].join('\n');
  if (values.only !== undefined || values.quick) {
    process.stdout.write(text);
    return;
  }
  const [before] = readFileSync(PAGE, 'utf8').split('<!-- measured -->');
  writeFileSync(PAGE, `${before}<!-- measured -->\n\n${text}`);
  say(`Written to ${PAGE}`);
}

if (values.help) process.stdout.write(HELP);
else {
  const folder = mkdtempSync(join(tmpdir(), 'keyctl-bench-'));
  try {
    await measure(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
