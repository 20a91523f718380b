import type { Instant } from './utc-day.ts';

/** A process that answers verifications, as it last said of itself. */
export interface ServerSign {
  /** Of this process alone: `srv_…`. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Where it listens. */
  readonly address: string;
  readonly version: string;
  readonly startedAt: Instant;
  readonly seenAt: Instant;
}

/** How often a server gives a sign. */
export const SIGN_EVERY_MS = 10_000;
/** Who has given none for so long was killed, or cannot write the store. */
const GONE_AFTER_MS = 3 * SIGN_EVERY_MS;
/** A server that was killed cannot take its sign back; after so long nobody wants to know of it. */
export const SIGN_KEPT_MS = 86_400_000;

/** Whether a server gave a sign lately. One that a clock ahead of ours dated later than now counts as well, as long as it is near. */
export function isRunning({ seenAt }: Pick<ServerSign, 'seenAt'>, now: Instant): boolean {
  return Math.abs(now - seenAt) <= GONE_AFTER_MS;
}

export interface ServerRows {
  /** The oldest first. */
  all(): Promise<readonly ServerSign[]>;
}

export interface ServerWrites extends ServerRows {
  /** Writes a server down, or that it is still there; forgets those of whom there was no sign since `keptSince`. */
  sign(server: ServerSign, keptSince: Instant): Promise<void>;
  /** A server that ends in peace takes its sign back. */
  leave(id: string): Promise<void>;
}
