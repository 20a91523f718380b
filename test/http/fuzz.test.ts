import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Chance } from '../chance.ts';
import { Cluster } from '../e2e/cluster.ts';
import { proveBooks } from '../proved-books.ts';
import { eventually } from '../system/running.ts';
import { fuzzCase, type Case } from './fuzz-requests.ts';

// A real server is sent whatever a seed makes of HTTP, on many connections at once, with no valid key in any of it, while a customer with
// one goes on. It admits nobody else, dies of nothing, leaks nothing, and the customer is charged what it was told, to the credit.

const BUDGET_MS = Number(process.env['KEYCTL_TEST_MS'] ?? 6_000);
const SEED = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const AT_ONCE = 48;
const CREDITS = 1e9;
/** What a swept heap may differ by, however much was sent: requests that are kept, at 3 KiB each, are more in a few seconds. */
const HEAP_SLACK_MIB = 3;

/** Says what memory and files the process holds, when it is asked to by a signal. */
const TELLER = `
  require('node:v8').setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');
  let asked = 0;
  process.on('SIGUSR2', () => {
    gc(); gc();
    const { heapUsed, external } = process.memoryUsage();
    require('node:fs').writeSync(2, 'held' + ++asked + '=' + (heapUsed + external) + '\\n');
  });
`;

let cluster: Cluster;
let apiKey: string;

beforeAll(async () => {
  cluster = new Cluster();
  apiKey = await cluster.customer('acme', CREDITS);
  const teller = join(cluster.installation.folder, 'teller.cjs');
  writeFileSync(teller, TELLER);
  cluster.installation.env = { NODE_OPTIONS: `--require ${teller}` };
  // Behind a proxy nobody's address is known: guessers are not slowed, and more is tried in the time.
  await cluster.start(1, ['--trust-proxy', '127.0.0.1', '--request-id-header', 'X-Proxy-Id']);
});

afterAll(() => cluster.end());

let asked = 0;

/** What the server holds when nothing is under way, in MiB, and how many files it has open, where that can be seen. */
async function held(): Promise<{ mib: number; files: number }> {
  const { process: server } = cluster.node(0);
  asked += 1;
  server.signal('SIGUSR2');
  const [, bytes] = await server.said(new RegExp(`held${String(asked)}=(\\d+)`));
  let files = 0;
  try {
    files = readdirSync(`/proc/${String(server.pid)}/fd`).length;
  } catch {
    // Elsewhere than on Linux its memory has to do.
  }
  return { mib: Number(bytes) / 1_048_576, files };
}

/** Plays a case and resolves with all that came back. A connection that neither side ends is cut off once its answer could have come. */
function play({ pieces, end }: Case): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: cluster.node(0).port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(text);
    });
    socket.setTimeout(end === 'silence' ? 50 : 2_000, () => socket.destroy());
    const write = (place: number): void => {
      const piece = pieces[place];
      if (piece === undefined) {
        if (end === 'end') socket.end();
        else if (end === 'reset') socket.resetAndDestroy();
      } else if (socket.writable) {
        socket.write(piece, 'latin1', () => setImmediate(write, place + 1));
      }
    };
    socket.on('connect', () => {
      write(0);
    });
  });
}

/** What no answer to somebody without a key may hold. */
const FORBIDDEN = /X-Keyctl-Code: ok|"valid":true|X-Keyctl-Debit-Id: deb_|X-Keyctl-Account: \S|\.[jt]s:\d+|Cannot read|undefined/;

function objectionTo(text: string): string | null {
  if (text !== '' && !/^HTTP\/1\.1 [1-5]\d\d /.test(text)) return 'an answer that is not HTTP';
  return FORBIDDEN.exec(text)?.[0] ?? null;
}

interface Figures {
  cases: number;
  bytes: number;
  charged: number;
  answers: Record<string, number>;
}

async function fuzz(chance: Chance, until: () => boolean, figures: Figures): Promise<void> {
  while (!until()) {
    const number = figures.cases;
    figures.cases += 1;
    const made = fuzzCase(chance, apiKey);
    const text = await play(made);
    figures.bytes += made.pieces.reduce((sum, piece) => sum + piece.length, 0);
    for (const [, status = ''] of text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) figures.answers[status] = (figures.answers[status] ?? 0) + 1;
    const objection = objectionTo(text);
    if (objection !== null) throw new Error(`seed ${String(SEED)}, case ${String(number)}: ${objection} ${JSON.stringify({ made, text })}`);
  }
}

/** Asks with the valid key, one request after the other, until it is told to stop; each answer has to be exactly the next one. */
async function customer(until: () => boolean, figures: Figures): Promise<void> {
  while (!until()) {
    const { status, headers } = await cluster.ask(0, '/verify', { headers: { 'X-API-Key': apiKey } });
    // On a machine that is short of time the store may be busy for once; then nothing was charged, as the next answer says.
    if (status === 503) continue;
    figures.charged += 1;
    expect([status, headers['x-credits-available']]).toEqual([200, String(CREDITS - 100 * figures.charged)]);
  }
}

/** Plays cases beside the customer for a time; the first that fails ends it for all. */
async function round(chance: Chance, ms: number, figures: Figures): Promise<void> {
  const since = performance.now();
  let failed = false;
  const until = (): boolean => failed || performance.now() - since > ms;
  const all = [customer(until, figures), ...Array.from({ length: AT_ONCE }, () => fuzz(chance, until, figures))];
  await Promise.all(
    all.map((act) =>
      act.catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
}

test(
  'it admits nobody, dies of nothing and keeps nothing of it, and a customer beside it is charged exactly',
  async () => {
    const figures: Figures = { cases: 0, bytes: 0, charged: 0, answers: {} };
    const chance = new Chance(SEED);
    // What a server needs once, it has after a while; what it holds after that is what it has kept.
    await round(chance, BUDGET_MS / 3, figures);
    const before = await held();
    const { cases } = figures;
    await round(chance, (2 * BUDGET_MS) / 3, figures);
    const after = await held();
    process.stdout.write(`fuzz: ${JSON.stringify({ seed: SEED, ...figures, before, after })}\n`);
    expect(figures.cases).toBeGreaterThan(cases);
    expect(figures.charged).toBeGreaterThan(0);
    expect(after.mib - before.mib).toBeLessThan(HEAP_SLACK_MIB);
    // A connection that was cut off a moment ago may not be closed on the other side yet.
    await eventually(async () => expect((await held()).files).toBeLessThanOrEqual(before.files + 2));
    const { process: server } = cluster.node(0);
    expect(await server.stop()).toBe(0);
    expect(server.output()).not.toMatch(/"level":60|a request failed|rror:|at .*\.js:\d/);
    const { faults, debits } = await proveBooks(cluster.installation.db);
    expect([faults, debits.length]).toEqual([[], figures.charged]);
  },
  BUDGET_MS + 240_000,
);
