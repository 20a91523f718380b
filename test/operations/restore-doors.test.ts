import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import type { Request } from '../../src/domain/decide.ts';
import type { Store } from '../../src/domain/store.ts';
import { deleteKey } from '../../src/operations/delete-key.ts';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { editKey, type KeyEdit } from '../../src/operations/edit-key.ts';
import { enableKeys } from '../../src/operations/enable-keys.ts';
import { renameKey } from '../../src/operations/rename-key.ts';
import { planRestore, restoreStore } from '../../src/operations/restore-store.ts';
import { setTier } from '../../src/operations/set-tier.ts';
import { suspendAccount } from '../../src/operations/suspend-account.ts';
import { backupStore, openRestore, openStore } from '../../src/stores/open-store.ts';
import { ACTOR, temporaryFolder } from '../harness.ts';
import { proveBooks } from '../proved-books.ts';
import { failureOf } from './account-fixture.ts';
import { HOUR, makeKey, rotate, spend } from './key-fixture.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const KEYS = 3;
const RANGES = [[], ['10.0.0.0/8'], ['10.0.0.0/8', '192.168.0.0/16'], ['192.168.0.0/16']];
const ADDRESSES = ['10.1.1.1', '192.168.1.1', '8.8.8.8'];
const TIERS = ['free', 'standard', 'startup'];

interface Act {
  readonly kind: string;
  readonly key: number;
  readonly number: number;
}

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom(
    'disable',
    'enable',
    'delete',
    'rotate',
    'expire',
    'ranges',
    'cap',
    'rename',
    'suspend',
    'resume',
    'tier',
    'spend',
    'create',
  ),
  key: fc.nat(KEYS - 1),
  number: fc.nat(3),
});

/** Everything by ids: names move. What an act cannot do (a deleted key, a name that is taken) it leaves undone. */
async function perform(store: Store, { kind, key, number }: Act, secrets: string[]): Promise<void> {
  const reference = { kind: 'secret', secret: secrets[key] ?? '' } as const;
  switch (kind) {
    case 'disable':
      await disableKeys(store, { references: [reference], reason: null, only: true }, ACTOR);
      return;
    case 'enable':
      await enableKeys(store, [reference], ACTOR);
      return;
    case 'delete':
      await deleteKey(store, reference, ACTOR);
      return;
    case 'rotate': {
      const id = await store.read(async (tx) => (await tx.keys.byRef(key + 1))?.id ?? '');
      secrets.push((await rotate(store, id, number * HOUR)).apiKey);
      return;
    }
    case 'rename':
      await renameKey(store, reference, `name${String(number)}`, ACTOR);
      return;
    case 'suspend':
    case 'resume':
      await suspendAccount(store, { account: 'default', suspended: kind === 'suspend', reason: null }, ACTOR);
      return;
    case 'tier':
      await setTier(store, { account: 'default', tier: TIERS[number] ?? 'free', timing: 'by-credits' }, ACTOR);
      return;
    case 'create':
      secrets.push((await makeKey(store, `made${String(secrets.length)}`)).apiKey);
      return;
    case 'spend':
      await spend(store, secrets[key] ?? '', number);
      return;
    default:
      await editKey(store, reference, editOf(kind, number), ACTOR);
  }
}

function editOf(kind: string, number: number): KeyEdit {
  if (kind === 'expire') return { expiresAt: number === 0 ? null : NOON + number * HOUR };
  return kind === 'ranges' ? { allowedIps: RANGES[number] ?? [] } : { dailyCap: number === 0 ? null : number * 200 };
}

/** What every secret is answered from every address, at once and after some hours. */
async function answers(store: Store, secrets: readonly string[]): Promise<readonly string[]> {
  const { presentedKey } = await import('../../src/domain/presented-key.ts');
  const { keyForms } = await import('../../src/operations/key-forms.ts');
  const forms = await store.read(keyForms);
  const codes: string[] = [];
  for (const at of [NOON + HOUR / 2, NOON + 2.5 * HOUR]) {
    for (const secret of secrets) {
      for (const ip of ADDRESSES) {
        const request: Request = {
          ...{ subject: presentedKey(secret, forms), service: 'default', environment: null, cost: null, ip, requestId: null },
          ...{ requestIdRule: 'json', dryRun: true, fromShell: false },
        };
        const [preview] = await store.preview([request], at);
        codes.push(preview?.verdict.code ?? 'none');
      }
    }
  }
  return codes;
}

/** The books, without the names of keys, which go back to what they were. */
async function nameless(location: string): Promise<unknown> {
  const text = JSON.stringify(await proveBooks(location), (name, value: unknown) => (name === 'keyName' ? undefined : value));
  return JSON.parse(text) as unknown;
}

test('whatever was done since the backup: after a restore nothing is let in that was not, the books are the same, and once more changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 6 }), fc.array(act, { maxLength: 10 }), async (before, since) => {
      const folder = temporaryFolder();
      try {
        const location = join(folder.path, 'keyctl.db');
        const backup = join(folder.path, 'backup.db');
        let now = NOON;
        const options = { location, clock: () => now, randomBytes, busyTimeoutMs: 100 };
        const inStore = async <Result>(act: (store: Store) => Promise<Result>): Promise<Result> => {
          const { store } = await openStore({ ...options, mode: 'create' });
          return act(store).finally(() => store.close());
        };
        const restore = async () => {
          const restoring = await openRestore({ ...options, backup });
          const plan = await planRestore(restoring, null, now);
          return restoreStore(restoring, plan, ACTOR, () => undefined).finally(() => restoring.close());
        };
        const secrets: string[] = [];
        const performAll = (acts: readonly Act[]) =>
          inStore(async (store) => {
            for (const one of acts) {
              now += 1_000;
              await failureOf(perform(store, one, secrets));
            }
          });
        await inStore(async (store) => {
          for (let key = 0; key < KEYS; key += 1) secrets.push((await makeKey(store, `key${String(key)}`)).apiKey);
        });
        await performAll(before);
        await backupStore({ location, target: backup, randomBytes, busyTimeoutMs: 100, watch: () => undefined });
        await performAll(since);
        const closed = await inStore((store) => answers(store, secrets));
        const books = await nameless(location);
        expect((await restore()).carry).toBe('everything');
        const after = await inStore((store) => answers(store, secrets));
        for (const [index, code] of closed.entries()) if (code !== 'ok') expect(after[index]).not.toBe('ok');
        expect(await nameless(location)).toEqual(books);
        const again = await restore();
        expect(again.putBack).toMatchObject({ accounts: 0 });
        expect(await inStore((store) => answers(store, secrets))).toEqual(after);
      } finally {
        folder.cleanUp();
      }
    }),
    { numRuns: 20 },
  );
});
