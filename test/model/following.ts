import { expect } from '@jest/globals';
import { ACTOR } from '../harness.ts';
import { proveBooks } from '../../src/operations/prove-books.ts';
import { reset } from '../../src/operations/reset.ts';
import { AT_ONCE, take } from './acts.ts';
import { compareHistory, compareStanding } from './comparing.ts';
import { KEPT_FOR_EVER, reset as resetModel } from './reset.ts';
import type { Step } from './steps.ts';
import { World, type Beginning } from './world.ts';

const DAY = 86_400_000;
const STEPS_BETWEEN_HISTORIES = 15;

/** Takes the steps one by one and compares the store with the model after each, by all three connections in turn. */
export async function follow(begun: Beginning, steps: readonly Step[]): Promise<void> {
  const world = await World.begin(begun);
  try {
    for (const [place, one] of steps.entries()) {
      await take(world, one);
      await compareStanding(world, place);
      if (place % STEPS_BETWEEN_HISTORIES === STEPS_BETWEEN_HISTORIES - 1) await compareHistory(world, place);
    }
    await closeEverything(world);
    // Not after each of a thousand sequences, which would take long.
    if (steps.length % 3 === 0) await compareProof(world, steps.length);
    for (const connection of [0, 2]) await compareHistory(world, connection + steps.length);
  } finally {
    await world.end();
  }
}

/** After the last day that anything was spent on, every day is proved and closed: books that do not balance with their usage throw here. */
async function closeEverything(world: World): Promise<void> {
  const { model } = world;
  world.setClock(Math.max(model.now, ...model.debits.map(({ at }) => at)) + DAY);
  const { pruned: _, silentSince: __, ...report } = await reset(world.store(0), ACTOR, false, AT_ONCE);
  expect(report).toEqual(resetModel(model, false, KEPT_FOR_EVER));
}

/** `doctor`, by whichever connection, finds nothing wrong with the books, whatever the clock did. */
async function compareProof(world: World, connection: number): Promise<void> {
  const { findings } = await proveBooks(world.store(connection));
  expect(findings.filter(({ severity }) => severity !== 'ok')).toEqual([]);
}
