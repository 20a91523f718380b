import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { FAULT_EVERY, SEED } from '../budget.ts';
import { keyctl, type Outcome } from '../harness.ts';
import { proveBooks, type ProvedBooks } from '../proved-books.ts';
import { faultsMet, underFault, type Fault } from './strace.ts';

/** What a command left behind that met a fault. */
export interface Broken extends Outcome {
  readonly fault: Fault;
  /** The folder that the command had for itself, and the store in it. */
  readonly folder: string;
  readonly db: string;
  readonly books: ProvedBooks;
}

export interface Swept {
  /** Stores are copied from here, and into folders below. */
  readonly template: string;
  readonly folder: string;
  /** The arguments of the command, given the folder that it has for itself. */
  readonly args: (folder: string) => readonly string[];
  /** The names of the calls that fail; each is swept for itself. */
  readonly calls: readonly string[];
  /** Only calls on this file of the command's folder fail; else all of them. */
  readonly only?: string;
  /** In each lane one in so many of them fails, if that is not what the budget says. */
  readonly every?: number;
}

/** What the outcomes were, by exit code: the figures of a sweep. */
export type Figures = Record<string, number>;

const LANES = [
  { error: 'EIO', lasting: '' },
  { error: 'ENOSPC', lasting: '' },
  { error: 'ENOSPC', lasting: '+' },
] as const;

/**
 * Runs a command again and again, each time on a fresh copy of the store, with its n-th call failing, for every n that it has: once, or from then on, as on a disk that stays full. After each, `check` is told what came of it,
 * once the store was opened anew and its books were read.
 */
export async function sweep(swept: Swept, check: (run: Broken) => Promise<void> | void): Promise<Figures> {
  const figures: Figures = {};
  const every = swept.every ?? FAULT_EVERY;
  // The lanes of a call begin one after the other, so that each of its calls fails in one of them at least.
  const lanes = swept.calls.flatMap((calls) => LANES.map((lane, place) => ({ ...lane, calls, first: 1 + ((SEED + place) % every) })));
  // Two at a time, for two cores.
  const take = async (): Promise<void> => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
      const { calls, error, lasting, first } = lane;
      for (let n = first; ; n += every) {
        const run = await broken(swept, { calls, error, when: `${String(n)}${lasting}` });
        if (run === null) break;
        expectOrderly(run);
        await check(run);
        rmSync(run.folder, { recursive: true });
        const outcome = `exit ${String(run.code)}`;
        figures[outcome] = (figures[outcome] ?? 0) + 1;
      }
    }
  };
  await Promise.all([take(), take()]);
  return figures;
}

/** Null when the command was over before the fault could come. */
async function broken({ template, folder, args, only }: Swept, fault: Fault): Promise<Broken | null> {
  const own = join(folder, `${fault.calls} ${fault.error} ${fault.when}`);
  mkdirSync(own);
  const [db, trace] = [join(own, 'keyctl.db'), join(own, 'trace')];
  copyFileSync(template, db);
  const under = underFault(fault, trace, only === undefined ? undefined : join(own, only));
  const outcome = await keyctl([...args(own), '--json'], { db, under });
  const met = faultsMet(trace);
  if (met === 0) rmSync(own, { recursive: true });
  return met === 0 ? null : { ...outcome, fault, folder: own, db, books: await proveBooks(db) };
}

/** What holds after any fault of any command: an exit code and a message that say what it is, a sound store, books that balance. */
function expectOrderly({ code, stdout, stderr, fault, books }: Broken): void {
  const where = JSON.stringify(fault);
  expect([where, books.faults]).toEqual([where, []]);
  if (code === 0) return;
  expect([where, code, stdout]).toEqual([where, 1, '']);
  const { error } = failureIn(stderr);
  expect([where, error.code]).toEqual([where, expect.stringMatching(/^(failed|store_full)$/)]);
  expect([where, error.message]).toEqual([where, expect.not.stringContaining('unexpectedly')]);
  expect([where, error.hint]).toEqual([where, expect.any(String)]);
}

export interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null };
}

/** What a command with `--json` says of its failure. */
export function failureIn(stderr: string): Failure {
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Failure;
}

/** Whether a failure leaves open what became of the change. */
export function saysUnknown({ stderr }: Broken): boolean {
  return failureIn(stderr).error.message.includes('unknown');
}
