import { isRunning, SIGN_KEPT_MS, type ServerSign } from '../domain/servers.ts';
import type { ReadTransaction, Store } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';

/** What a server says of itself once; when it was seen is the store's to say. */
export type ServerIdentity = Omit<ServerSign, 'seenAt' | 'startedAt'>;

/** Says that a server is there. */
export function signServer(store: Store, server: ServerIdentity): Promise<void> {
  return store.writeBeside((tx, now) => tx.servers.sign({ ...server, startedAt: now, seenAt: now }, now - SIGN_KEPT_MS));
}

/** Says that it has ended. */
export function forgetServer(store: Store, id: string): Promise<void> {
  return store.writeBeside((tx) => tx.servers.leave(id));
}

export interface ServerView extends ServerSign {
  readonly running: boolean;
}

/** Those that are running, and those that went within a day without a word. */
export async function describeServers(tx: ReadTransaction, now: Instant): Promise<readonly ServerView[]> {
  return (await tx.servers.all()).map((server) => ({ ...server, running: isRunning(server, now) }));
}

export function serverJson({ id, host, pid, address, version, startedAt, seenAt, running }: ServerView): Record<string, unknown> {
  return { id, address, host, pid, version, running, startedAt: formatInstant(startedAt), seenAt: formatInstant(seenAt) };
}
