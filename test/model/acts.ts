import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { KeyctlError } from '../../src/domain/error.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { createKey } from '../../src/operations/create-key.ts';
import { createService } from '../../src/operations/create-service.ts';
import { createTier } from '../../src/operations/create-tier.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { deleteService } from '../../src/operations/delete-service.ts';
import { deleteTier } from '../../src/operations/delete-tier.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { editKey } from '../../src/operations/edit-key.ts';
import { editService } from '../../src/operations/edit-service.ts';
import { editTier } from '../../src/operations/edit-tier.ts';
import { enableKeys } from '../../src/operations/enable-keys.ts';
import { giveCredit } from '../../src/operations/give-credit.ts';
import { refundDebit } from '../../src/operations/refund-debit.ts';
import { renameKey } from '../../src/operations/rename-key.ts';
import { WHOLE, type Steps } from '../../src/operations/steps.ts';
import { reset } from '../../src/operations/reset.ts';
import { rotateKey } from '../../src/operations/rotate-key.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { ACTOR } from '../harness.ts';
import { askBoth } from './asking.ts';
import { dayAt, type ModelKey } from './model.ts';
import * as operator from './operator.ts';
import { KEPT_FOR_EVER, reset as resetModel } from './reset.ts';
import type { Step } from './steps.ts';
import { chosen, type World } from './world.ts';

const DAY = 86_400_000;
/** Not rested in between: nobody waits for the lock. */
export const AT_ONCE: Steps = { run: (step) => step(WHOLE), tell: () => undefined };

const byId = (key: ModelKey) => ({ kind: 'words', text: key.id }) as const;

/** What came of an act: its result, or the code of its failure. Both sides have to fail alike. */
async function outcome<Result>(act: Promise<Result>, expected: operator.Outcome): Promise<Result | null> {
  const found = await act.then(
    (result) => ({ code: 'none', result }),
    (error: unknown) => {
      if (error instanceof KeyctlError) return { code: error.code, result: null };
      throw error;
    },
  );
  expect(found.code).toBe(expected);
  return found.result;
}

/** Does one step to the store and to the model. */
export async function take(world: World, step: Step): Promise<void> {
  const { model } = world;
  switch (step.do) {
    case 'ask':
      return askBoth(world, step.on, step.questions);
    case 'wait': {
      world.setClock(Math.max(DAY, model.now + step.ms));
      return;
    }
    case 'midnight': {
      world.setClock((model.today + step.days) * DAY + step.ms);
      return;
    }
    case 'create':
    case 'key':
    case 'rename':
    case 'rotate':
    case 'edit':
      return actOnKey(world, step);
    case 'account':
    case 'suspend':
    case 'tier-set':
    case 'credit':
    case 'refund':
      return actOnAccount(world, step);
    case 'tier-credits':
    case 'tier-limit':
    case 'tier-make':
    case 'tier-delete':
      return actOnTier(world, step);
    case 'service-make':
    case 'service-edit':
    case 'service-delete':
      return actOnService(world, step);
    case 'fold':
    case 'fail':
    case 'reopen':
    case 'reset':
      return actOnStore(world, step);
  }
}

type On<Kind extends Step['do']> = Extract<Step, { readonly do: Kind }>;

async function actOnKey(world: World, step: On<'create' | 'key' | 'rename' | 'rotate' | 'edit'>): Promise<void> {
  const { model } = world;
  const store = world.store(step.on);
  if (step.do === 'create') return create(world, step);
  const key = world.key(step.key);
  switch (step.do) {
    case 'key': {
      const { act } = step;
      if (act === 'delete') await outcome(deleteKey(store, byId(key), ACTOR), operator.deleteKey(model, key));
      else if (act === 'enable') await outcome(enableKeys(store, [byId(key)], ACTOR), operator.enable(key));
      else {
        const only = act === 'disable-only';
        await outcome(disableKeys(store, { references: [byId(key)], reason: 'r', only }, ACTOR), operator.disable(model, key, only));
      }
      return;
    }
    case 'rename':
      await outcome(renameKey(store, byId(key), step.name, ACTOR), operator.rename(model, key, step.name));
      return;
    case 'rotate': {
      const rotated = rotateKey(store, { reference: byId(key), graceMs: step.grace }, ACTOR, randomBytes);
      const made = await outcome(rotated, operator.mayRotate(model, key));
      if (made === null) return;
      world.secrets.set(made.key.id, made.apiKey);
      operator.rotate(model, key, step.grace, { id: made.key.id, ref: await refOf(world, made.key.id) });
      return;
    }
    case 'edit': {
      const { expires, services, allowedIps, cap } = step.edit;
      const edit = {
        ...(expires === undefined ? {} : { expiresAt: expires === null ? null : model.now + expires }),
        ...(services === undefined ? {} : { services }),
        ...(allowedIps === undefined ? {} : { allowedIps }),
        ...(cap === undefined ? {} : { dailyCap: cap }),
      };
      await outcome(editKey(store, byId(key), edit, ACTOR), operator.editKey(model, key, edit));
    }
  }
}

async function refOf(world: World, id: string): Promise<number> {
  const key = await world.store(2).read((tx) => tx.keys.byId(id));
  return key?.ref ?? 0;
}

async function create(world: World, step: On<'create'>): Promise<void> {
  const { model } = world;
  const account = world.account(step.account);
  const { name, environment, services, allowedIps, cap } = step;
  const expiresAt = step.expires === null ? null : model.now + step.expires;
  const wanted = { name, account: account.name, environment, expiresAt, services, allowedIps, dailyCap: cap, note: null };
  const made = await outcome(
    createKey(world.store(step.on), wanted, ACTOR, randomBytes),
    operator.mayCreateKey(model, account, name, services),
  );
  if (made === null) return;
  const { id } = made.key;
  world.secrets.set(id, made.apiKey);
  operator.createKey(model, account, { name, environment, expiresAt, services, allowedIps, cap, id, ref: await refOf(world, id) });
}

async function actOnAccount(world: World, step: On<'account' | 'suspend' | 'tier-set' | 'credit' | 'refund'>): Promise<void> {
  const { model } = world;
  const store = world.store(step.on);
  switch (step.do) {
    case 'account':
      return createAnAccount(world, step);
    case 'suspend': {
      const account = world.account(step.account);
      await suspendAccount(store, { account: account.name, suspended: step.suspended, reason: null }, ACTOR);
      account.suspended = step.suspended;
      return;
    }
    case 'tier-set': {
      const { tier, timing } = step;
      const account = world.account(step.account);
      await outcome(setTier(store, { account: account.name, tier, timing }, ACTOR), operator.setTier(model, account, tier, timing));
      return;
    }
    case 'credit': {
      const account = world.account(step.account);
      const day = model.today + step.days;
      const given = giveCredit(store, { account: account.name, amount: step.amount, day, reason: 'r' }, ACTOR, randomBytes);
      const expected = operator.credit(model, account, step.amount, day);
      const result = await outcome(given, expected);
      if (result !== null) expect(result.remaining).toBe(model.remaining(account, day));
      return;
    }
    case 'refund': {
      const number = chosen(model.debits, step.which)?.number ?? 1;
      const by = step.byShell ? ({ kind: 'shell', actor: ACTOR, reason: 'r' } as const) : ({ kind: 'http' } as const);
      await outcome(refundDebit(store, number, by), operator.refund(model, number, step.byShell));
    }
  }
}

async function createAnAccount(world: World, { on, tier }: On<'account'>): Promise<void> {
  const { model } = world;
  const name = `customer-${String(model.accounts.length)}`;
  const known = model.tiers.some((found) => found.name === tier && !found.deleted);
  const made = await outcome(
    createAccount(world.store(on), { name, tier, externalId: null }, ACTOR, randomBytes),
    known ? 'none' : 'not_found',
  );
  if (made === null) return;
  const row = await world.store(2).read((tx) => tx.accounts.byName(name));
  const fresh = { suspended: false, opened: new Map(), arrivals: new Map(), requestIds: new Map() };
  model.accounts.push({ ...fresh, ref: row?.ref ?? 0, name, createdAt: model.now, tiers: [{ from: 0, tier, decidedAt: model.now }] });
}

async function actOnTier(world: World, step: On<'tier-credits' | 'tier-limit' | 'tier-make' | 'tier-delete'>): Promise<void> {
  const { model } = world;
  const store = world.store(step.on);
  const name = step.tier;
  switch (step.do) {
    case 'tier-credits': {
      const edited = editTier(store, { name, dailyCredits: step.credits, limits: [], now: step.now }, ACTOR);
      await outcome(edited, operator.editTierCredits(model, name, step.credits, step.now));
      return;
    }
    case 'tier-limit': {
      const { service, rate, burst } = step;
      const edited = editTier(store, { name, dailyCredits: undefined, limits: [{ service, rate, burst }], now: false }, ACTOR);
      await outcome(edited, operator.editTierLimit(model, name, service, rate === 'none' ? null : { perSecond: rate, burst }));
      return;
    }
    case 'tier-make':
      await outcome(createTier(store, { name, dailyCredits: 500, limits: [] }, ACTOR), operator.createTier(model, name, 500));
      return;
    case 'tier-delete':
      await outcome(deleteTier(store, name, ACTOR), operator.deleteTier(model, name));
  }
}

async function actOnService(world: World, step: On<'service-make' | 'service-edit' | 'service-delete'>): Promise<void> {
  const { model } = world;
  const store = world.store(step.on);
  const { service: name, cost, environment } = step;
  const known = model.service(name);
  switch (step.do) {
    case 'service-make': {
      const made = await outcome(createService(store, { name, cost, environment }, ACTOR), known === undefined ? 'none' : 'already_exists');
      if (made !== null) model.services.push({ ref: made.ref, name, cost, environment, deleted: false });
      return;
    }
    case 'service-edit':
      await outcome(editService(store, { name, cost, environment }, ACTOR), known === undefined ? 'not_found' : 'none');
      if (known !== undefined) Object.assign(known, { cost, environment });
      return;
    case 'service-delete':
      await outcome(deleteService(store, name, ACTOR), operator.deleteService(model, name));
  }
}

async function actOnStore(world: World, step: On<'fold' | 'fail' | 'reopen' | 'reset'>): Promise<void> {
  const store = world.store(step.on);
  switch (step.do) {
    case 'fold':
      await store.write((tx) => (step.inOrder ? tx.usage.fold(step.rows) : tx.usage.foldOn(step.rows)));
      return;
    case 'fail': {
      const account = world.account(step.account);
      const act = store.write(async (tx, now) => {
        await tx.accounts.update(account.ref, { suspendedAt: now });
        await tx.usage.fold(3);
        await tx.credits.write(account.ref, { day: dayAt(now), granted: 1, adjusted: 0, spent: 0 });
        throw new RangeError('on purpose');
      });
      await expect(act).rejects.toThrow('on purpose');
      return;
    }
    case 'reopen':
      return world.reopen(step.on);
    case 'reset': {
      const { pruned: _, silentSince: __, ...report } = await reset(store, ACTOR, step.prune, AT_ONCE);
      expect(report).toEqual(resetModel(world.model, step.prune, KEPT_FOR_EVER));
    }
  }
}
