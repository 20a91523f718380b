import { expect } from '@jest/globals';
import { ACTOR } from '../harness.ts';
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
