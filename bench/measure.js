// How the bench measures: servers as processes of their own, loaded in turns, medians, and ratios pair by pair.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from './server-process.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
export const BINARY = join(HERE, '../bin/keyctl.js');
export const CONNECTIONS = 64;

export const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];
export const say = (text) => process.stderr.write(`${text}\n`);

/** `count` of the keys, at even distances, so that their rows lie far apart. */
export function scattered(keys, count) {
  return Array.from({ length: count }, (_, place) => keys[Math.floor((place * keys.length) / count)]);
}

export function startBare() {
  return ServerProcess.start([join(HERE, 'bare-server.js')], /^(\d+)\n/);
}

export function startKeyctl(path) {
  return ServerProcess.start([BINARY, '--db', path, 'serve', '--port', '0'], /http:\/\/127\.0\.0\.1:(\d+)/);
}

/** How often keyctl has committed, and how long that took together, as its own metrics have it; zeros for another server. */
async function commits(server) {
  const response = await fetch(`http://127.0.0.1:${String(server.port)}/metrics`).catch(() => null);
  const text = response === null ? '' : await response.text();
  const value = (name) => Number(new RegExp(`^keyctl_(?:commit|settle)_seconds_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return { count: value('count'), seconds: value('sum') };
}

/**
 * Loads each server in turn, `rounds` times after one that does not count. Returns the medians for each, its ratios to the first, and
 * the mean milliseconds of one of its commits.
 * @param {{ generator: object, rounds: number, seconds: number }} method
 * @param {readonly { name: string, server: object, keys: readonly string[] }[]} contestants
 */
export async function inTurns({ generator, rounds, seconds }, contestants) {
  const runs = contestants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, { name, server, keys }] of contestants.entries()) {
      const [cpu, before] = [server.cpuMicros(), await commits(server)];
      const result = await generator.load({ port: server.port, keys, connections: CONNECTIONS, seconds: round === 0 ? 1 : seconds });
      if (result.denied > 0) throw new Error(`${name} denied ${String(result.denied)} requests`);
      const after = await commits(server);
      const commit = after.count === before.count ? 0 : ((after.seconds - before.seconds) * 1_000) / (after.count - before.count);
      if (round > 0) runs[place].push({ ...result, commit, cpu: (server.cpuMicros() - cpu) / result.requests, mib: server.residentMib() });
    }
  }
  return runs.map((mine, place) => ({
    name: contestants[place].name,
    ...Object.fromEntries(['perSecond', 'p50', 'p99', 'cpu', 'commit'].map((field) => [field, median(mine.map((run) => run[field]))])),
    mib: Math.max(...mine.map((run) => run.mib)),
    // Pair by pair, so that a machine that slows down slows both.
    ratio: median(mine.map((run, round) => run.perSecond / runs[0][round].perSecond)),
    cpuRatio: median(mine.map((run, round) => run.cpu / runs[0][round].cpu)),
  }));
}

/** A section of docs/performance.md about servers in turns. */
export function table(title, about, rows) {
  const line = ({ name, perSecond, ratio, p50, p99, cpu, cpuRatio, mib }) => {
    const speed = `${perSecond.toFixed(0)} | ${ratio.toFixed(2)} | ${p50.toFixed(2)} | ${p99.toFixed(1)}`;
    return `| ${name} | ${speed} | ${cpu.toFixed(1)} | ${cpuRatio.toFixed(2)} | ${mib.toFixed(0)} |`;
  };
  return [
    ...[`### ${title}`, '', about, ''],
    '| server | requests/s | ratio | p50 ms | p99 ms | CPU µs/request | ratio | MiB |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...[...rows.map(line), ''],
  ].join('\n');
}

/** One row of the table of targets. */
export function target(what, wanted, seen, met) {
  return { what, wanted, seen, met };
}

/** The two rows of a scenario against the bare server, and that of its p99. */
export function againstBare(what, [bare, keyctl], { ratio, cpu }, sync) {
  const limit = bare.p99 + 2 * keyctl.commit;
  const seen = `${keyctl.p99.toFixed(1)} ms; bare ${bare.p99.toFixed(1)} ms, a commit ${keyctl.commit.toFixed(2)} ms (raw fdatasync ${sync.p50.toFixed(2)} ms)`;
  return [
    target(`${what}: requests/s of the bare server's`, `at least ${String(ratio)}`, keyctl.ratio.toFixed(2), keyctl.ratio >= ratio),
    target(`${what}: CPU per request of the bare server's`, `at most ${String(cpu)}`, keyctl.cpuRatio.toFixed(2), keyctl.cpuRatio <= cpu),
    target(`${what}: p99`, `the bare server's and two commits: ${limit.toFixed(1)} ms`, seen, keyctl.p99 <= limit),
  ];
}
