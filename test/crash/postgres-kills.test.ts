import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { runSql } from '../postgres/database.ts';
import { DATABASE, OneServer } from '../postgres/one-server.ts';
import { numbers } from './crash-loop.ts';
import { LoadedNodes } from './nodes.ts';

const KILLS = Number(process.env['KEYCTL_TEST_KILLS'] ?? 8);
const MOST_MS = Number(process.env['KEYCTL_TEST_MS'] ?? Number.POSITIVE_INFINITY);
const SEED = Number(process.env['KEYCTL_TEST_SEED'] ?? Date.now() % 1e9);
/** A round ends somewhere within so many milliseconds. */
const ROUND_MS = 600;
const NODES = 2;

/** What dies in a round: one node, all of them, PostgreSQL, or everybody. */
const VICTIMS = ['node', 'postgres', 'nodes', 'node', 'postgres', 'all'] as const;

test(
  'kill -9 at any moment, of nodes and of PostgreSQL, loses no acknowledged charge and leaves exact books',
  async () => {
    const began = performance.now();
    const random = numbers(SEED);
    const server = await OneServer.make();
    await server.run();
    await runSql(server.url('postgres'), `CREATE DATABASE ${DATABASE}`);
    const nodes = await LoadedNodes.start(server.url(DATABASE), NODES);
    const figures = { kills: 0, postgresKills: 0, repeated: 0 };
    try {
      for (let round = 0; figures.kills + figures.postgresKills < KILLS && performance.now() - began < MOST_MS; round += 1) {
        const victims = VICTIMS[round % VICTIMS.length] ?? 'node';
        nodes.load();
        // The kill comes at a time of its own, whatever has been answered by then.
        await wait(20 + random(ROUND_MS));
        const dying =
          victims === 'node' ? [random(NODES)] : victims === 'postgres' ? [] : Array.from({ length: NODES }, (_, place) => place);
        const killing = dying.map((place) => nodes.kill(place));
        if (victims === 'postgres' || victims === 'all') {
          await server.kill();
          figures.postgresKills += 1;
          await server.run();
        }
        await Promise.all(killing);
        figures.kills += dying.length;
        for (const place of dying) await nodes.replace(place);
        // Nodes that lived through it come back without being told.
        if (victims === 'postgres') await nodes.untilAdmitted();
        await nodes.rest();
        figures.repeated += await nodes.repeatUnanswered(round);
        const faults = await nodes.faults();
        expect(faults.map((fault) => `round ${String(round)}, ${victims}: ${fault}`)).toEqual([]);
      }
      await nodes.run(['reset']);
      expect(await nodes.faults()).toEqual([]);
      const seconds = Math.round((performance.now() - began) / 1_000);
      process.stdout.write(
        `kills over PostgreSQL: ${JSON.stringify({ ...figures, acknowledged: nodes.journal.size, seconds, seed: SEED })}\n`,
      );
      expect(nodes.journal.size).toBeGreaterThan(figures.kills);
    } finally {
      await nodes.end();
      await server.stop();
    }
  },
  120_000 + KILLS * 30_000,
);
