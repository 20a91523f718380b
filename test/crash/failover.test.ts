import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keyctl } from '../harness.ts';
import { runSql } from '../postgres/database.ts';
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
});

afterEach(async () => {
  await nodes.end();
  await servers.stop();
});

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
  120_000 + ROUNDS * 60_000,
);

/** The numbers of the debits that a server shows, past keyctl. */
async function debitsOn(url: string): Promise<readonly string[]> {
  return (await runSql(url, 'SELECT number::text AS number FROM keyctl.debits')).map(({ number }) => String(number));
}

/** What doctor finds wrong with the place itself. */
async function storeFaults(): Promise<readonly string[]> {
  const { stdout } = await keyctl(['doctor', '--quick', '--json'], { db: servers.url });
  const { findings } = JSON.parse(stdout) as { findings: { id: string; severity: string; message: string }[] };
  return findings.filter(({ id, severity }) => id === 'store' && severity === 'error').map(({ message }) => message);
}

test(
  'the primary freezes under load and the standby is promoted: nodes admit again, and do not go back to it when it wakes up',
  async () => {
    const figures: object[] = [];
    for (let round = 0; round < Math.ceil(ROUNDS / 2); round += 1) {
      nodes.load();
      await wait(LOAD_MS);
      servers.freezePrimary();
      const frozen = performance.now();
      await servers.promote();
      const promoted = Math.round(performance.now() - frozen);
      const admitted = await nodes.untilAdmitted();
      // It takes writes, and comes first in the URL every other round: whoever has to connect anew could take it for the primary.
      servers.thawFormer();
      await runSql(servers.primaryUrl, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyctl'");
      const again = await nodes.untilAdmitted();
      expect(await storeFaults()).toEqual([expect.stringContaining('More than one server takes writes')]);
      await wait(LOAD_MS);
      await nodes.rest();
      const unanswered = await nodes.repeatUnanswered(round);
      const kept = new Set(await debitsOn(servers.primaryUrl));
      expect((await debitsOn(servers.formerUrl)).filter((number) => !kept.has(number))).toEqual([]);
      await servers.stopFormer();
      expect(await nodes.faults()).toEqual([]);
      figures.push({ promoted, admitted, again, unanswered, acknowledged: nodes.journal.size });
      expect(await storeFaults()).toEqual([]);
      await servers.addStandby();
    }
    tell('failover from a frozen primary', { figures });
    expect(nodes.journal.size).toBeGreaterThan(0);
  },
  120_000 + ROUNDS * 60_000,
);
