// The load: wrk, which has to be installed, since a load generator in JavaScript would take as much of the machine as the server.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A wrk script that gives each request the next of the keys, and prints latencies as one line of JSON. */
function script(keys) {
  return `
local keys = {${keys.map((key) => `"${key}"`).join(',')}}
local turn = 0
function init(args) math.randomseed(tonumber(args[1]) or 1); turn = math.random(#keys) end
function request()
  turn = turn % #keys + 1
  return wrk.format("GET", "/verify", { ["X-API-Key"] = keys[turn] })
end
function done(summary, latency, requests)
  io.write(string.format('JSON {"requests":%d,"us":%d,"p50":%d,"p99":%d,"errors":%d,"status":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.errors.status))
end
`;
}

/**
 * Loads a server on loopback for some seconds. Returns requests per second, latencies in milliseconds, and how many answers were not 2xx.
 * @param {{ port: number, keys: string[], connections: number, seconds: number }} options
 */
export async function load({ port, keys, connections, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'keyctl-bench-'));
  try {
    const file = join(folder, 'keys.lua');
    writeFileSync(file, script(keys), { mode: 0o600 });
    const url = `http://127.0.0.1:${String(port)}`;
    const args = ['-t1', `-c${String(connections)}`, `-d${String(seconds)}s`, '--latency', '-s', file, url, '--', '7'];
    const { stdout } = await run('wrk', args, { maxBuffer: 1e7 });
    const found = /^JSON (.*)$/m.exec(stdout);
    if (found === null) throw new Error(`wrk said: ${stdout}`);
    const { requests, us, p50, p99, errors, status } = JSON.parse(found[1]);
    if (errors > 0) throw new Error(`wrk counted ${String(errors)} failed requests`);
    return { perSecond: (requests * 1e6) / us, p50: p50 / 1_000, p99: p99 / 1_000, requests, denied: status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function loadGenerator() {
  const { stdout } = await run('wrk', ['-v']).catch((error) => ({ stdout: String(error.stdout ?? '') }));
  const version = /^wrk (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error('The bench needs wrk (Debian package wrk).');
  return `wrk ${version}`;
}
