// `reset` and other writers beside a running load: what they cost the load, and how long they wait for it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { withBusyDay } from './make-store.js';
import { BINARY, CONNECTIONS, median, say, scattered, startKeyctl, target } from './measure.js';

const run = promisify(execFile);
const LOADED_KEYS = 10_000;
const RENAMES = 12;
const SAMPLE_MS = 100;
/** A reset that has so much left is not waited for. */
const MOST_SECONDS = 60;

/** A `keyctl reset` whose memory is looked at while it runs. It may be killed at any moment: the next one goes on from there. */
class Reset {
  #child;
  #ended;
  mib = [];

  constructor(path) {
    // Pruning is asked for: the newest debit may be of yesterday.
    this.#child = spawn(process.execPath, [BINARY, '--db', path, 'reset', '--prune', '--json'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const sampling = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#ended = once(this.#child, 'exit').finally(() => clearInterval(sampling));
  }

  #sample() {
    if (this.ended) return;
    const pages = Number(readFileSync(`/proc/${String(this.#child.pid)}/statm`, 'utf8').split(' ')[1]);
    if (pages > 0) this.mib.push((pages * 4_096) / 1_048_576);
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill() {
    if (!this.ended) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** Looks at how far the resets of a store have come. */
class Progress {
  #db;

  constructor(path) {
    this.#db = new Database(path, { readonly: true });
  }

  /** Accounts of yesterday that are counted, or null when it is closed. */
  get counted() {
    const yesterday = Math.floor(Date.now() / 86_400_000) - 1;
    const { closed } = this.#db.prepare('SELECT closed_through AS closed FROM state').get();
    if (closed >= yesterday) return null;
    return this.#db.prepare('SELECT counted_through AS n FROM closed_days WHERE day = ?').get(closed + 1)?.n ?? 0;
  }

  /** Whether old debits are left. */
  get pruning() {
    const oldest = this.#db.prepare('SELECT min(number) AS n FROM debits').get().n;
    return oldest !== null && oldest < (Date.now() - 36 * 86_400_000) * 1_000;
  }

  close() {
    this.#db.close();
  }
}

/** Loads alone and beside a reset in turns, as long as there is something to do in this phase. */
async function inTurns({ load, path, rounds }, wanted) {
  const result = { alone: [], beside: [], mib: [] };
  for (let round = 0; round < rounds && wanted(); round += 1) {
    const alone = await load();
    const reset = new Reset(path);
    while (reset.mib.length < 3 && !reset.ended) await setTimeout(SAMPLE_MS);
    const beside = await load();
    const whole = !reset.ended && wanted();
    await reset.kill();
    // A reset that was done before the load was has left it alone for a part of the time.
    if (!whole && round > 0) break;
    result.alone.push(alone);
    result.beside.push(beside);
    result.mib.push(...reset.mib);
  }
  return result;
}

/** Lets a reset go on beside the load as long as there is something to do. Returns the seconds that took and whether it is done. */
async function carryOn({ load, path }, wanted) {
  const since = performance.now();
  const seconds = () => (performance.now() - since) / 1_000;
  const reset = new Reset(path);
  while (!reset.ended && wanted() && seconds() < MOST_SECONDS) await load(2);
  const took = seconds();
  await reset.kill();
  return { seconds: took, done: !wanted(), mib: reset.mib };
}

/** How long `keyctl rename` takes as a whole process, alone and beside the load, in milliseconds. */
async function renames({ load, path }) {
  let name = 'key-0';
  const one = async () => {
    const next = name === 'key-0' ? 'key-1' : 'key-0';
    const since = performance.now();
    await run(process.execPath, [BINARY, '--db', path, 'rename', `bench-77/${name}`, next]);
    name = next;
    return performance.now() - since;
  };
  const several = async () => {
    const times = [];
    for (let turn = 0; turn < RENAMES; turn += 1) times.push(await one());
    return times;
  };
  const alone = await several();
  const loading = load(6);
  await setTimeout(500);
  const beside = await several();
  await loading;
  return { alone, beside };
}

/** Returns the section for docs/performance.md and the rows for its table of targets. */
export async function resetBeside({ folder, method, large }) {
  const { path: from, accounts, keys } = await large();
  say('reset beside a load …');
  const path = join(folder, 'reset.db');
  await withBusyDay({ from, path, accounts, keysEach: 1, day: 'yesterday' });
  const server = await startKeyctl(path);
  const progress = new Progress(path);
  try {
    const some = scattered(keys, Math.min(LOADED_KEYS, accounts));
    const { generator, seconds, rounds } = method;
    const load = (time = seconds) => generator.load({ port: server.port, keys: some, connections: CONNECTIONS, seconds: time });
    const world = { load, path, rounds };
    await load(2);
    const renamed = await renames(world);
    const closing = await inTurns(world, () => progress.counted !== null);
    const closed = await carryOn(world, () => progress.counted !== null);
    const pruning = await inTurns(world, () => progress.pruning);
    return report({ closing, closed, pruning, renamed, counted: progress.counted, accounts });
  } finally {
    progress.close();
    await server.stop();
  }
}

function phase(name, { alone, beside }) {
  const of = (runs, field) => median(runs.map((one) => one[field]));
  const ratio = median(beside.map((one, round) => one.p99 / alone[round].p99));
  const p99 = `${of(alone, 'p99').toFixed(1)} | ${of(beside, 'p99').toFixed(1)} | ${ratio.toFixed(2)}`;
  const speed = `${of(alone, 'perSecond').toFixed(0)} | ${of(beside, 'perSecond').toFixed(0)}`;
  return { ratio, line: `| ${name} | ${speed} | ${p99} |` };
}

/** The memory of one long reset: when its caches are full, and at the end. */
function memoryOf(mib) {
  const quarter = Math.floor(mib.length / 4);
  return { early: median(mib.slice(quarter, 2 * quarter + 1)), late: Math.max(...mib.slice(3 * quarter)) };
}

function report({ closing, closed, pruning, renamed, counted, accounts }) {
  const many = accounts.toLocaleString('en');
  const phases = [
    { ...phase(`closing a day of ${many} accounts`, closing), runs: closing },
    { ...phase('pruning old debits', pruning), runs: pruning },
  ].filter(({ runs }) => runs.beside.length > 0);
  // A small store is closed before there is anything left to go on with.
  const { early, late } = memoryOf(closed.mib.length > 8 ? closed.mib : [...closing.mib, ...pruning.mib]);
  const whole = closed.done
    ? `The rest of the day took ${closed.seconds.toFixed(0)} s beside the load.`
    : `After ${String(MOST_SECONDS)} s more, ${String(counted)} accounts were counted.`;
  const waited = (times) => `${median(times).toFixed(0)} ms (at most ${Math.max(...times).toFixed(0)})`;
  const section = [
    '### Beside a load: reset and other writers',
    '',
    `The load, on ${LOADED_KEYS.toLocaleString('en')} of ${many} accounts, alone and beside \`keyctl reset\`, in turns; each reset is killed after its turn and the next goes on from there. ` +
      `${whole} Its memory meanwhile: ${early.toFixed(0)} MiB in the second quarter of that time, at most ${late.toFixed(0)} MiB in the last.`,
    '',
    '| phase | requests/s alone | beside | p99 ms alone | beside | ratio |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...phases.map(({ line }) => line),
    '',
    `\`keyctl rename\` as a whole process: ${waited(renamed.alone)} without a load, ${waited(renamed.beside)} beside it.`,
    '',
  ].join('\n');
  const rows = phases.map(({ ratio, runs }) => [runs === closing ? `closing ${many} accounts` : 'pruning old debits', ratio]);
  return {
    section,
    targets: [
      ...rows.map(([what, ratio]) => target(`p99 of a load beside \`reset\` ${what}`, 'at most 2 times', ratio.toFixed(2), ratio <= 2)),
      target(
        'memory of `reset`',
        'flat: late at most 1.25 times of early',
        `${early.toFixed(0)} MiB, late ${late.toFixed(0)} MiB`,
        late <= 1.25 * early,
      ),
    ],
  };
}
