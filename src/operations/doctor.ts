import { KeyctlError } from '../domain/error.ts';
import { fault, findingJson, sortFindings, type Finding } from '../domain/finding.ts';
import type { Inspection } from '../domain/inspection.ts';
import type { Store } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';
import { checkClock, checkReset, checkSteps } from './check-clock.ts';
import { checkAlerts } from './describe-outbox.ts';
import { proveBooks, type Looked } from './prove-books.ts';
import { sampleBooks } from './sample-books.ts';
import type { Progress } from './steps.ts';

/** What `doctor` has found. */
export interface Diagnosis {
  readonly store: string;
  readonly at: Instant;
  readonly quick: boolean;
  /** In the order of the checks. */
  readonly findings: readonly Finding[];
  /** What was not looked at. */
  readonly leftOut: readonly string[];
  /** How much was looked at; null where the books were not, or only some. */
  readonly looked: Readonly<Looked> | null;
}

export const DIAGNOSIS_FIELDS = ['store', 'at', 'quick', 'ok', 'errors', 'warnings', 'findings', 'leftOut', 'looked'] as const;

export function countOf({ findings }: Pick<Diagnosis, 'findings'>, severity: Finding['severity']): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

export function diagnosisJson(diagnosis: Diagnosis): Record<string, unknown> {
  const { store, at, quick, findings, leftOut, looked } = diagnosis;
  const [errors, warnings] = [countOf(diagnosis, 'error'), countOf(diagnosis, 'warning')];
  return { store, at: formatInstant(at), quick, ok: errors === 0, errors, warnings, findings: findings.map(findingJson), leftOut, looked };
}

export interface DoctorOptions {
  readonly quick: boolean;
  /** What was found about the program itself. */
  readonly program: Finding;
  readonly clock: () => Instant;
  readonly tell: (progress: Progress) => void;
}

const LEFT_OUT_QUICKLY = ["the books of all accounts but some of today's, and all debits", 'the sums of closed days, caps and request ids'];

/** Proves what can be proved of a store. It writes nothing, and fails for nothing that is wrong with the store: that is what it tells. */
export async function doctor(inspection: Inspection, { quick, program, clock, tell }: DoctorOptions): Promise<Diagnosis> {
  const findings: Finding[] = [...inspection.findings, program];
  const leftOut = [...inspection.leftOut];
  let looked: Readonly<Looked> | null = null;
  const { store } = inspection;
  if (store !== null) {
    const [some, ...rest] = await lookAtBooks(store, quick, tell);
    findings.push(...some.findings, ...rest);
    looked = some.looked;
    if (quick) leftOut.push(...LEFT_OUT_QUICKLY);
  }
  return { store: inspection.location, at: clock(), quick, findings: sortFindings(findings), leftOut, looked };
}

type SomeFindings = Pick<Diagnosis, 'findings' | 'looked'>;

async function lookAtBooks(store: Store, quick: boolean, tell: DoctorOptions['tell']): Promise<readonly [SomeFindings, ...Finding[]]> {
  try {
    const around = await store.read(async (tx, now) => [
      ...(await checkClock(tx, now, quick ? [] : await tx.proof.days())),
      await checkReset(tx, now),
      await checkAlerts(tx, now),
    ]);
    if (quick) return [{ findings: await sampleBooks(store), looked: null }, ...around];
    const { findings, looked, steppedBack } = await proveBooks(store, tell);
    return [{ findings, looked }, ...around, ...checkSteps(steppedBack)];
  } catch (error) {
    return [{ findings: [unreadable(error)], looked: null }];
  }
}

/** Rows that cannot be as they are stop whoever reads them. */
function unreadable(error: unknown): Finding {
  const hint = 'Keep a copy of the store, and put back a backup.';
  if (error instanceof KeyctlError) return fault('books', `The books could not be read. ${error.message}`, error.hint ?? hint);
  return fault('books', `The books could not be read: ${error instanceof Error ? error.message : 'unknown'}.`, hint);
}
