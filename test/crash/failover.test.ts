import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ReplicatedPostgres } from '../postgres/replicated.ts';
import { LoadedNodes } from './nodes.ts';

// A primary and a synchronous standby, two nodes under load. What is promised is in docs/guarantees.md, with how long it took.

const ROUNDS = Number(process.env['KEYCTL_TEST_ROUNDS'] ?? 2);
const LOAD_MS = 400;

let servers: ReplicatedPostgres;
let nodes: LoadedNodes;

beforeEach(async () => {
  servers = await ReplicatedPostgres.start();
  nodes = await LoadedNodes.start(servers.url, 2);
}, 60_000);

afterEach(async () => {
  await nodes.end();
  await servers.stop();
}, 60_000);

/** One line for the log of a run, which docs/guarantees.md quotes. */
function tell(what: string, figures: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
}

test(
  'the primary is killed under load and the standby promoted: no acknowledged debit is lost, and the nodes come back by themselves',
  async () => {
    const figures: object[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      nodes.load();
      await wait(LOAD_MS);
      await servers.killPrimary();
      const killed = performance.now();
      await servers.promote();
      const promoted = Math.round(performance.now() - killed);
      const admitted = await nodes.untilAdmitted();
      await wait(LOAD_MS);
      await nodes.rest();
      const unanswered = await nodes.repeatUnanswered(round);
      expect(await nodes.faults()).toEqual([]);
      figures.push({ promoted, admitted, unanswered, acknowledged: nodes.journal.size });
      await servers.addStandby();
    }
    tell('failover', { figures });
    expect(nodes.journal.size).toBeGreaterThan(0);
  },
  60_000 + ROUNDS * 30_000,
);
