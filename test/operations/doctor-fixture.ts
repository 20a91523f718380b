import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import type { Finding, Severity } from '../../src/domain/finding.ts';
import { doctor, type Diagnosis } from '../../src/operations/doctor.ts';
import { fine } from '../../src/domain/finding.ts';
import { inspectStore, isUrl } from '../../src/stores/open-store.ts';
import { inspectPostgresStore } from '../../src/stores/postgres/inspect.ts';
import { temporaryStaging } from '../../src/stores/sqlite/temporary-staging.ts';
import type { TestClock } from '../harness.ts';

/** What `keyctl doctor` would find, but for the program's name. */
export async function diagnose(path: string, clock: TestClock, { quick = false } = {}): Promise<Diagnosis> {
  const tell = (): undefined => undefined;
  const options = { clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000, quick, tell };
  // A database has a clock of its own, but for tests.
  const inspection = isUrl(path)
    ? await inspectPostgresStore({ ...options, url: path, env: {}, staging: async () => temporaryStaging() })
    : await inspectStore({ ...options, location: path });
  try {
    return await doctor(inspection, { quick, program: fine('program', ''), clock: () => clock.now, tell });
  } finally {
    await inspection.close();
  }
}

/** What is wrong: the checks with their severity, each once, with the worse of them. Where tests run may be in memory, which is no fault of theirs. */
export function wrongIn({ findings }: Pick<Diagnosis, 'findings'>): Readonly<Record<string, Severity>> {
  const wrong = findings.filter(({ id, severity }) => severity !== 'ok' && id !== 'filesystem');
  const errors = wrong.filter(({ severity }) => severity === 'error');
  return Object.fromEntries([...wrong, ...errors].map(({ id, severity }) => [id, severity]));
}

export function messagesOf({ findings }: Pick<Diagnosis, 'findings'>, id: Finding['id']): readonly string[] {
  return findings.filter((finding) => finding.id === id).map(({ message }) => message);
}

/** Writes to the file as somebody does who is not keyctl. */
export function tamper(path: string, ...statements: readonly string[]): void {
  const db = new Database(path);
  try {
    // Constraints are what keeps others from most of this.
    db.pragma('ignore_check_constraints = ON');
    db.pragma('foreign_keys = OFF');
    for (const statement of statements) db.exec(statement);
  } finally {
    db.close();
  }
}
