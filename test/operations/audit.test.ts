import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditFilter, Store } from '../../src/domain/store.ts';
import { auditJson, changeText, type NumberedEntry } from '../../src/operations/describe-audit.ts';
import { auditTargets, followAudit, readAudit, type AuditTarget } from '../../src/operations/read-audit.ts';
import { renameAccount } from '../../src/operations/rename-account.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { ACTOR, type TestClock } from '../harness.ts';
import { addAccount, memoryStore } from './account-fixture.ts';
import { makeKey } from './key-fixture.ts';

let store: Store;
let clock: TestClock;

beforeEach(async () => {
  ({ store, clock } = await memoryStore('2026-11-22T12:00:00.000Z'));
});

async function actions(filter: AuditFilter, most = Infinity): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of readAudit(store, filter, most)) found.push(entry.action);
  return found;
}

const targets = (target: AuditTarget) => store.read((tx) => auditTargets(tx, target));
const about = async (text: string) => actions({ targets: await targets({ kind: 'words', text }) });

describe('reading the trail', () => {
  beforeEach(async () => {
    await addAccount(store, 'acme');
    clock.now += 60_000;
    await setTier(store, { account: 'acme', tier: 'standard', timing: 'now' }, { ...ACTOR, claimed: 'alice', sudoUser: 'carol' });
    clock.now += 60_000;
    await suspendAccount(store, { account: 'default', suspended: true, reason: null }, ACTOR);
  });

  test('gives the newest first, at most so many', async () => {
    expect(await actions({})).toEqual(['account.suspend', 'tier.set', 'account.create']);
    expect(await actions({}, 2)).toEqual(['account.suspend', 'tier.set']);
  });

  test('goes through more entries than one page holds', async () => {
    await store.write(async (tx, now) => {
      for (let count = 0; count < 1_100; count += 1) {
        await tx.audit.append({
          ...{ at: now, actor: ACTOR, action: 'key.create', targetKind: 'key', targetId: String(count), targetName: 'x' },
          ...{ before: null, after: null },
        });
      }
    });
    expect(await actions({})).toHaveLength(1_103);
    expect(await actions({}, 1_000)).toHaveLength(1_000);
    expect(await actions({}, 501)).toHaveLength(501);
  });

  test('finds by actor (claimed, user, sudo), by action or kind of action, and by time', async () => {
    expect(await actions({ actor: 'alice' })).toEqual(['tier.set']);
    expect(await actions({ actor: 'carol' })).toEqual(['tier.set']);
    expect(await actions({ actor: 'root' })).toHaveLength(3);
    expect(await actions({ action: 'account' })).toEqual(['account.suspend', 'account.create']);
    expect(await actions({ action: 'account.suspend' })).toEqual(['account.suspend']);
    expect(await actions({ action: 'acc' })).toEqual([]);
    expect(await actions({ since: clock.now - 60_000, until: clock.now })).toEqual(['tier.set']);
  });

  test('finds what was done under a former name, and what was done to others of the name', async () => {
    await renameAccount(store, { account: 'acme', name: 'acme-inc' }, ACTOR);
    expect(await about('acme-inc')).toEqual(['account.rename', 'tier.set', 'account.create']);
    expect(await about('acme')).toEqual(['tier.set', 'account.create']);
    expect(await about('nothing-of-that-name')).toEqual([]);
  });

  test('finds a key by its name, its account and name, its id, and its secret', async () => {
    const { apiKey, key } = await makeKey(store, 'prod', { account: 'acme' });
    await makeKey(store, 'other', { account: 'acme' });
    for (const text of ['prod', 'acme/prod', key.id]) expect(await about(text)).toEqual(['key.create']);
    expect(await targets({ kind: 'secret', secret: apiKey })).toEqual([key.id]);
    expect(await about('nobody/prod')).toEqual([]);
    await expect(targets({ kind: 'secret', secret: `${apiKey}x` })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('following the trail', () => {
  /** Collects what a follower sees; before each look at the store after the first one of the acts is done. */
  async function follow(filter: AuditFilter, past: number, acts: readonly (() => Promise<unknown>)[]): Promise<string[]> {
    const left = [...acts];
    const seen: string[] = [];
    const pause = async (): Promise<boolean> => {
      const act = left.shift();
      await act?.();
      return act !== undefined;
    };
    for await (const { targetName, action } of followAudit(store, filter, past, pause)) seen.push(`${action} ${targetName}`);
    return seen;
  }

  test('shows new entries as they come, oldest first, each once', async () => {
    await addAccount(store, 'before');
    const seen = await follow({}, 0, [
      () => addAccount(store, 'one'),
      () => Promise.resolve(),
      async () => {
        await addAccount(store, 'two');
        await addAccount(store, 'three');
      },
    ]);
    expect(seen).toEqual(['account.create one', 'account.create two', 'account.create three']);
  });

  test('begins with so many past entries, or with all since a moment', async () => {
    for (const name of ['a', 'b', 'c']) {
      await addAccount(store, name);
      clock.now += 1_000;
    }
    const acts = [() => addAccount(store, 'd')];
    expect(await follow({}, 2, acts)).toEqual(['account.create b', 'account.create c', 'account.create d']);
    expect(await follow({ since: clock.now - 1_000 }, 0, [() => addAccount(store, 'e')])).toEqual([
      'account.create c',
      'account.create d',
      'account.create e',
    ]);
  });

  test('keeps to its filter, also for the past', async () => {
    await addAccount(store, 'a');
    const suspend = (suspended: boolean) => suspendAccount(store, { account: 'a', suspended, reason: null }, ACTOR);
    await suspend(true);
    await addAccount(store, 'b');
    const seen = await follow({ action: 'account.suspend' }, 1, [() => suspend(false), () => addAccount(store, 'c'), () => suspend(true)]);
    expect(seen).toEqual(['account.suspend a', 'account.suspend a']);
  });

  test('of an empty trail shows the first entry that ever comes', async () => {
    expect(await follow({}, 5, [() => addAccount(store, 'first')])).toEqual(['account.create first']);
  });
});

describe('an entry', () => {
  const entry: NumberedEntry = {
    ...{
      number: 7,
      at: Date.parse('2026-11-22T12:00:00.000Z'),
      action: 'tier.set',
      targetKind: 'account',
      targetId: 'acct_1',
      targetName: 'acme',
    },
    actor: { claimed: null, osUser: 'root', sudoUser: 'carol', host: 'h' },
    before: { tier: 'free', pendingTier: null, services: [] },
    after: { tier: 'standard', pendingTier: { tier: 'free', from: '2026-11-23' }, services: [] },
  };

  test('as JSON has every field of the contract', () => {
    expect(auditJson(entry)).toEqual({
      ...{ number: 7, at: '2026-11-22T12:00:00.000Z', actor: 'carol', osUser: 'root', sudoUser: 'carol', host: 'h' },
      ...{ action: 'tier.set', targetKind: 'account', target: 'acct_1', targetName: 'acme', before: entry.before, after: entry.after },
    });
  });

  test('in words says what became of what', () => {
    expect(changeText(entry)).toBe('tier free → standard, pendingTier {"tier":"free","from":"2026-11-23"}');
    expect(changeText({ before: null, after: { name: 'x', note: null, services: [] } })).toBe('name x');
    expect(changeText({ before: { name: 'x', cost: 5 }, after: null })).toBe('name x, cost 5');
    expect(changeText({ before: { note: 'a' }, after: { note: null } })).toBe('note a → none');
    expect(changeText({ before: null, after: null })).toBe('');
  });
});
