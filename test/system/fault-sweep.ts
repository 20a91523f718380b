import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { openDatabase } from '../../src/stores/sqlite/database.ts';
import { FAULT_EVERY, SEED } from '../budget.ts';
import { keyctl, type Outcome } from '../harness.ts';
import { proveBooks, type ProvedBooks } from '../proved-books.ts';
import { faultsMet, underFault, type Fault } from './strace.ts';

/** What a command left behind that met a fault. */
export interface Broken extends Outcome {
  readonly fault: Fault;
  /** The folder that the command had for itself, and the store to look at in it. */
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

/** The ways in which a disk fails. With `outage`, a server has the store open as well, and with the command's end the host is gone. */
const LANES = [
  { error: 'EIO', lasting: '', outage: false },
  { error: 'ENOSPC', lasting: '', outage: false },
  { error: 'ENOSPC', lasting: '+', outage: false },
] as const;
const OUTAGE = { calls: 'fsync,fdatasync', error: 'EIO', lasting: '', outage: true } as const;

/**
 * Runs a command again and again, each time on a fresh copy of the store, with its n-th call failing, for every n that it has: once, or from then on, as on a disk that stays full. After each, `check` is told what came of it,
 * once the store was opened anew and its books were read.
 *
 * Whoever is the last to close a store leaves no log, so that a commit whose sync failed is gone with it. It is kept where somebody else had the store open when the host went down: the log ends with it,
 * whole. So every sync fails once more in that way.
 */
export async function sweep(swept: Swept, check: (run: Broken) => Promise<void> | void): Promise<Figures> {
  const figures: Figures = {};
  const every = swept.every ?? FAULT_EVERY;
  // The lanes of a call begin one after the other, so that each of its calls fails in one of them at least.
  const lanes: Lane[] = swept.calls.flatMap((calls) =>
    LANES.map((lane, place) => ({ ...lane, calls, first: 1 + ((SEED + place) % every), every })),
  );
  if (swept.only === undefined) lanes.push({ ...OUTAGE, first: 1, every: 1 });
  // Two at a time, for two cores.
  const take = async (): Promise<void> => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
      const { calls, error, lasting, outage, first } = lane;
      for (let n = first; ; n += lane.every) {
        const run = await broken(swept, { calls, error, when: `${String(n)}${lasting}` }, outage);
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

interface Lane extends Pick<Fault, 'calls' | 'error'> {
  readonly lasting: string;
  readonly outage: boolean;
  readonly first: number;
  readonly every: number;
}

/** Null when the command was over before the fault could come. */
async function broken({ template, folder, args, only }: Swept, fault: Fault, outage: boolean): Promise<Broken | null> {
  const own = join(folder, `${fault.calls} ${fault.error} ${fault.when}${outage ? ' outage' : ''}`);
  mkdirSync(own);
  const [db, trace] = [join(own, 'keyctl.db'), join(own, 'trace')];
  copyFileSync(template, db);
  const under = underFault(fault, trace, only === undefined ? undefined : join(own, only));
  const run = () => keyctl([...args(own), '--json'], { db, under });
  const outcome = outage ? await besideServer(db, run) : await run();
  const met = faultsMet(trace);
  if (met === 0) rmSync(own, { recursive: true });
  const left = outage ? afterOutage(db) : db;
  return met === 0 ? null : { ...outcome, fault, folder: own, db: left, books: await proveBooks(left) };
}

const afterOutage = (db: string): string => `${db}.left`;

/** Runs a command while the store is open here as well, and keeps what the host's end would leave of it: the file and its log, not the memory that processes share. */
async function besideServer(db: string, run: () => Promise<Outcome>): Promise<Outcome> {
  const server = openDatabase(db, 'write', 0);
  try {
    server.prepare('SELECT count(*) FROM state').get();
    const outcome = await run();
    copyFileSync(db, afterOutage(db));
    copyFileSync(`${db}-wal`, `${afterOutage(db)}-wal`);
    return outcome;
  } finally {
    server.close();
  }
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
