import { randomBytes } from 'node:crypto';
import { DEFAULT_SERVICE } from '../../src/domain/defaults.ts';
import type { Request } from '../../src/domain/decide.ts';
import type { Ref } from '../../src/domain/entities.ts';
import { KeyctlError } from '../../src/domain/error.ts';
import { newId } from '../../src/domain/random.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { createAccount } from '../../src/operations/create-account.ts';
import { accountJson, describeAccount } from '../../src/operations/describe-accounts.ts';
import { findAccount } from '../../src/operations/find-account.ts';
import { ACTOR } from '../harness.ts';

export { memoryStore } from '../harness.ts';

export function addAccount(store: Store, name: string, tier?: string) {
  return createAccount(store, { name, tier, externalId: null }, ACTOR, randomBytes);
}

/** So many accounts, `a0` and on, each with the next ref, in one transaction: where they are only needed to be many. */
export function addMany(store: Store, count: number): Promise<void> {
  return store.write(async (tx, now) => {
    for (let index = 0; index < count; index += 1) {
      const [id, name] = [newId('acct', randomBytes), `a${String(index)}`];
      await tx.accounts.insert({ id, name, externalId: null, createdAt: now, suspendedAt: null }, 'free');
    }
  });
}

/** One request, or so many, of each of the accounts, in one batch. */
export function chargeEach(store: Store, refs: readonly Ref[], requests: number): Promise<readonly Verdict[]> {
  return store.settle(refs.flatMap((ref) => Array.from({ length: requests }, () => chargeOn(ref, null))));
}

function chargeOn(ref: Ref, cost: number | null): Request {
  return {
    ...{ subject: { kind: 'account', ref }, service: DEFAULT_SERVICE, environment: null, cost, ip: null },
    ...{ requestId: null, requestIdRule: 'json', dryRun: false, fromShell: true },
  };
}

export function viewAccount(store: Store, name: string) {
  return store.read(async (tx, now) => describeAccount(tx, await findAccount(tx, name), now));
}

/** The account's JSON, as the contract has it. */
export async function jsonOf(store: Store, name: string): Promise<Record<string, unknown>> {
  return accountJson(await viewAccount(store, name));
}

/** Charges the account itself, as the shell does: at no rate. Each request costs 100 unless said; the verdicts in order. */
export async function charge(store: Store, name: string, requests: number, cost: number | null = null): Promise<readonly Verdict[]> {
  const { ref } = await store.read((tx) => findAccount(tx, name));
  return store.settle(Array.from({ length: requests }, () => chargeOn(ref, cost)));
}

/** The code of the failure that the act ends in, or `none`. Anything but a KeyctlError is thrown on. */
export async function failureOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'none';
  } catch (error) {
    if (error instanceof KeyctlError) return error.code;
    throw error;
  }
}

/** The audit trail, oldest first, without what is the same in every test. */
export async function trail(store: Store) {
  const entries = await store.read((tx) => tx.audit.since({}, 0, 1_000));
  return entries.map(({ action, targetKind, targetName, before, after }) => ({ action, targetKind, targetName, before, after }));
}
