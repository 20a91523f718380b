import type { Alert, AlertStatus } from '../domain/alerts.ts';
import type { Store } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';

const PAGE = 500;

/** What a message is about, as its body says it. */
export interface AlertSubject {
  readonly account: string;
  /** A key's name, or null for a message about credits. */
  readonly key: string | null;
  /** The day of the credits, with the percentage of them. */
  readonly day: string | null;
  readonly threshold: number | null;
  /** When the key ends. */
  readonly expiresAt: string | null;
}

export interface AlertView {
  readonly alert: Alert;
  readonly subject: AlertSubject;
}

export const ALERT_FIELDS = [
  ...['id', 'type', 'at', 'account', 'key', 'day', 'threshold', 'expiresAt'],
  ...['status', 'attempts', 'nextAttemptAt', 'lastAttemptAt', 'lastResult', 'endedAt'],
] as const;

export function alertJson({ alert, subject }: AlertView): Record<string, unknown> {
  const { id, type, at, status, attempts, dueAt, lastAt, lastResult, endedAt } = alert;
  const { account, key, day, threshold, expiresAt } = subject;
  return {
    ...{ id, type, at: formatInstant(at), account, key, day, threshold, expiresAt, status, attempts },
    ...{ nextAttemptAt: maybe(dueAt), lastAttemptAt: maybe(lastAt), lastResult, endedAt: maybe(endedAt) },
  };
}

function maybe(at: Instant | null): string | null {
  return at === null ? null : formatInstant(at);
}

function describeAlert(alert: Alert): AlertView {
  const { data } = JSON.parse(alert.body) as { data: Partial<AlertSubject> & { account: { name: string }; key?: { name: string } } };
  const { account, key, day = null, threshold = null, expiresAt = null } = data;
  return { alert, subject: { account: account.name, key: key?.name ?? null, day, threshold, expiresAt } };
}

/** Messages of a state, or of any, newest first, read page by page. */
export async function* alertsOf(store: Store, status: AlertStatus | null, most: number): AsyncGenerator<AlertView> {
  let before: number | null = null;
  for (let left = most; left > 0;) {
    const limit = Math.min(PAGE, left);
    const from: number | null = before;
    const page: readonly Alert[] = await store.read((tx) => tx.alerts.page(status, from, limit));
    yield* page.map(describeAlert);
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    before = last.number;
    left -= page.length;
  }
}
