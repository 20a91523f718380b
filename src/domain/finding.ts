import { formatDay, type UtcDay } from './utc-day.ts';

/** What `doctor` looks at, in the order in which it tells. Scripts know the checks by these names: some may be added, none goes. */
export const CHECKS = [
  ...['store', 'files', 'permissions', 'filesystem', 'journal_mode', 'durability', 'wal_size', 'sqlite_version', 'schema'],
  ...['integrity', 'foreign_keys', 'audit', 'journal', 'books', 'debits', 'usage', 'adjustments', 'grants'],
  ...['closed_days', 'caps', 'request_ids', 'clock', 'reset', 'alerts', 'program'],
] as const;

/** The name of a check. */
export type CheckId = (typeof CHECKS)[number];

/** An error is a promise that does not hold: exit 1. A warning is for a person to look at: exit 0. */
export type Severity = 'ok' | 'warning' | 'error';

/** What one check found. */
export interface Finding {
  readonly id: CheckId;
  readonly severity: Severity;
  /** One or two sentences. */
  readonly message: string;
  /** What to do next, for whatever is not ok. */
  readonly hint: string | null;
  /** The account's name, where the finding is about one. */
  readonly account: string | null;
  readonly day: UtcDay | null;
}

/** Whose books a finding is about. */
export type Whose = Partial<Pick<Finding, 'account' | 'day'>>;

export function fine(id: CheckId, message: string): Finding {
  return { id, severity: 'ok', message, hint: null, account: null, day: null };
}

export function warning(id: CheckId, message: string, hint: string, whose: Whose = {}): Finding {
  return { id, severity: 'warning', message, hint, account: null, day: null, ...whose };
}

export function fault(id: CheckId, message: string, hint: string, whose: Whose = {}): Finding {
  return { id, severity: 'error', message, hint, account: null, day: null, ...whose };
}

/** In the order of the checks; the findings of one check stay as they came. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return CHECKS.flatMap((id) => findings.filter((finding) => finding.id === id));
}

export function findingJson({ day, ...finding }: Finding): Record<string, unknown> {
  return { ...finding, day: day === null ? null : formatDay(day) };
}
