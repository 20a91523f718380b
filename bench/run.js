// `npm run bench`: every figure in docs/performance.md, measured in turns in one run. Options: --rounds N, --seconds N, --quick.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commitMillis } from './commit.js';
import { load, loadGenerator } from './load.js';
import { makeStore } from './make-store.js';
import { withPeers } from './peers/install.js';
import { ServerProcess } from './server-process.js';
import { startUp } from './start-up.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BINARY = join(HERE, '../bin/keyctl.js');
const PAGE = join(HERE, '../docs/performance.md');
const CONNECTIONS = 64;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'keyctl-bench-'));

const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];
const say = (text) => process.stderr.write(`${text}\n`);

function startBare() {
  return ServerProcess.start([join(HERE, 'bare-server.js')], /^(\d+)\n/);
}

function startKeyctl(path) {
  return ServerProcess.start([BINARY, '--db', path, 'serve', '--port', '0'], /http:\/\/127\.0\.0\.1:(\d+)/);
}

/** Loads each server in turn, `rounds` times after one that does not count. Returns the medians for each. */
async function inTurns(contestants) {
  const runs = contestants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, { server, keys }] of contestants.entries()) {
      const before = server.cpuMicros();
      const result = await load({ port: server.port, keys, connections: CONNECTIONS, seconds: round === 0 ? 1 : seconds });
      if (result.denied > 0) throw new Error(`${contestants[place].name} denied ${String(result.denied)} requests`);
      if (round > 0) runs[place].push({ ...result, cpu: (server.cpuMicros() - before) / result.requests, mib: server.residentMib() });
    }
  }
  return runs.map((mine, place) => ({
    name: contestants[place].name,
    ...Object.fromEntries(['perSecond', 'p50', 'p99', 'cpu', 'mib'].map((field) => [field, median(mine.map((run) => run[field]))])),
    // Pair by pair, so that a machine that slows down slows both.
    ratios: mine.map((run, round) => run.perSecond / runs[0][round].perSecond),
    cpuRatios: mine.map((run, round) => run.cpu / runs[0][round].cpu),
  }));
}

async function scenario(title, target, { accounts, keysEach }) {
  say(`${title} …`);
  const path = join(folder, `${String(accounts)}x${String(keysEach)}.db`);
  const keys = await makeStore({ path, accounts, keysEach });
  const [bare, keyctl] = [await startBare(), await startKeyctl(path)];
  const rows = await inTurns([
    { name: 'bare node:http', server: bare, keys },
    { name: 'keyctl serve', server: keyctl, keys },
  ]);
  await bare.stop();
  await keyctl.stop();
  return section(title, target, rows);
}

function section(title, target, rows) {
  const line = ({ name, perSecond, p50, p99, cpu, mib, ratios, cpuRatios }) =>
    `| ${name} | ${perSecond.toFixed(0)} | ${median(ratios).toFixed(2)} | ${p50.toFixed(2)} | ${p99.toFixed(1)} | ${cpu.toFixed(1)} | ${median(cpuRatios).toFixed(2)} | ${mib.toFixed(0)} |`;
  return [
    `### ${title}`,
    '',
    target,
    '',
    '| server | requests/s | ratio | p50 ms | p99 ms | CPU µs/request | ratio | MiB |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(line),
    '',
  ].join('\n');
}

async function peers() {
  say('peers …');
  const path = join(folder, 'peers.db');
  const keys = await makeStore({ path, accounts: 1, keysEach: 20 });
  const keyctl = await startKeyctl(path);
  try {
    return await withPeers(folder, async ({ betterAuth, redis }) => {
      const rows = await inTurns([
        { name: 'keyctl serve', server: keyctl, keys },
        { name: 'better-auth api-key', server: betterAuth.server, keys: betterAuth.keys },
        { name: 'rate-limiter-flexible on Redis', server: redis.server, keys },
      ]);
      return section('Peers', 'Ratios are against keyctl. Targets: better-auth at most 1/40 = 0.025; Redis below 1, p99 no better.', rows);
    });
  } finally {
    await keyctl.stop();
  }
}

try {
  const machine = `${String(cpus().length)} cores (${cpus()[0]?.model ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}, ${await loadGenerator()}`;
  const commit = commitMillis(folder);
  const parts = [
    await scenario('Hot: 20 keys of one account', 'Target: 0.9 of the bare server, CPU at most 1.25 of it.', { accounts: 1, keysEach: 20 }),
    await scenario('Spread: 10,000 keys of 10,000 accounts', 'Target: 0.75 of the bare server, CPU at most 1.5.', {
      accounts: 10_000,
      keysEach: 1,
    }),
  ];
  if (!values['no-peers']) parts.push(await peers());
  parts.push(await startUp(BINARY, join(folder, '1x20.db'), rounds));
  const version = execFileSync(process.execPath, [BINARY, '--version'], { encoding: 'utf8' }).trim();
  const [before] = readFileSync(PAGE, 'utf8').split('<!-- measured -->');
  const head = `Measured with keyctl ${version} on ${machine}; ${String(rounds)} rounds of ${String(seconds)} s, ${String(CONNECTIONS)} connections, medians. One write of 16 KiB with fdatasync took ${commit.p50.toFixed(2)} ms (median), ${commit.p99.toFixed(2)} ms (99 %), so that a server which syncs before it answers cannot answer ${String(CONNECTIONS)} waiting connections more often than that.`;
  writeFileSync(PAGE, `${before}<!-- measured -->\n\n${head}\n\n${parts.join('\n')}`);
  say(`Written to ${PAGE}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
