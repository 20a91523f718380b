// The load: wrk when it is there, since a load generator in JavaScript takes as much of the machine as the server; else autocannon, which the
// bench installs into a folder of its own. Both choose one of the keys at random for each request and wait for every answer.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const AUTOCANNON = 'autocannon@8';

/** The keys come from a file: a table of a million of them is more than one Lua function may hold. */
const WRK_SCRIPT = `
local keys, count, head, tail = {}, 0, nil, nil
function init(args)
  for key in io.lines(args[1]) do
    count = count + 1
    keys[count] = key
  end
  math.randomseed(tonumber(args[2]))
  local request = wrk.format("GET", "/verify", { ["X-API-Key"] = "@@" })
  local from, to = request:find("@@", 1, true)
  head, tail = request:sub(1, from - 1), request:sub(to + 1)
end
function request()
  return head .. keys[math.random(count)] .. tail
end
function done(summary, latency, requests)
  io.write(string.format('JSON {"requests":%d,"us":%d,"p50":%d,"p99":%d,"errors":%d,"denied":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, summary.errors.status))
end
`;

export class LoadGenerator {
  /** What it is, with its version. */
  name;
  #folder;
  #command;
  #files = new Map();
  #seed = 0;

  constructor(name, folder, command) {
    this.name = name;
    this.#folder = folder;
    this.#command = command;
  }

  /** Takes wrk when it is there and `wanted` is not `autocannon`; what it needs goes into `folder`. */
  static async find(folder, wanted) {
    const home = join(folder, 'load');
    mkdirSync(home);
    const version = wanted === 'autocannon' ? undefined : await wrkVersion();
    if (version === undefined) return new LoadGenerator(installAutocannon(home), home, autocannonCommand);
    writeFileSync(join(home, 'wrk.lua'), WRK_SCRIPT);
    return new LoadGenerator(`wrk ${version}`, home, wrkCommand);
  }

  /**
   * Loads a server on loopback for some seconds. Returns requests per second, latencies in milliseconds, and how many answers were not 2xx.
   * @param {{ port: number, keys: readonly string[], connections: number, seconds: number }} options
   */
  async load({ port, keys, connections, seconds }) {
    this.#seed += 1;
    const url = `http://127.0.0.1:${String(port)}`;
    const [file, args] = this.#command({ folder: this.#folder, url, keys: this.#file(keys), connections, seconds, seed: this.#seed });
    const { stdout } = await run(file, args, { maxBuffer: 1e7 });
    const found = /^JSON (.*)$/m.exec(stdout);
    if (found === null) throw new Error(`${this.name} said: ${stdout}`);
    const { requests, us, p50, p99, errors, denied } = JSON.parse(found[1]);
    if (errors > 0) throw new Error(`${this.name} counted ${String(errors)} failed requests`);
    return { perSecond: (requests * 1e6) / us, p50: p50 / 1_000, p99: p99 / 1_000, requests, denied };
  }

  #file(keys) {
    const known = this.#files.get(keys);
    if (known !== undefined) return known;
    const file = join(this.#folder, `keys-${String(this.#files.size)}`);
    writeFileSync(file, `${keys.join('\n')}\n`, { mode: 0o600 });
    this.#files.set(keys, file);
    return file;
  }
}

function wrkCommand({ folder, url, keys, connections, seconds, seed }) {
  // An answer that comes late is a latency; by itself wrk calls it an error after two seconds, which a disk that stalls is enough for.
  const shape = ['-t1', `-c${String(connections)}`, `-d${String(seconds)}s`, '--latency', '--timeout', '30s'];
  return ['wrk', [...shape, '-s', join(folder, 'wrk.lua'), url, '--', keys, String(seed)]];
}

function autocannonCommand({ folder, url, keys, connections, seconds }) {
  const script = fileURLToPath(new URL('autocannon.js', import.meta.url));
  return [process.execPath, [script, folder, `${url}/verify`, keys, String(connections), String(seconds)]];
}

async function wrkVersion() {
  const { stdout } = await run('wrk', ['-v']).catch((error) => ({ stdout: String(error.stdout ?? '') }));
  return /^wrk (\S+)/.exec(stdout)?.[1];
}

function installAutocannon(home) {
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', AUTOCANNON], { cwd: home, stdio: 'ignore' });
  const { version } = JSON.parse(readFileSync(join(home, 'node_modules/autocannon/package.json'), 'utf8'));
  return `autocannon ${version}`;
}
