import type { Key } from './entities.ts';

/** What keeps a key, or part of its traffic, out. */
export type Doors = Pick<Key, 'expiresAt' | 'disabledAt' | 'disabledReason' | 'deletedAt' | 'services' | 'allowedIps' | 'dailyCap'>;

/**
 * The doors of one key as they are where either of two accounts of it has them closed: never wider open than `now`, and no wider than
 * `other` unless the two have nothing in common; then those of `now` stand.
 */
export function stricter(now: Doors, other: Partial<Doors>): Doors {
  return {
    expiresAt: least(now.expiresAt, other.expiresAt),
    disabledAt: now.disabledAt ?? other.disabledAt ?? null,
    disabledReason: now.disabledAt === null ? (other.disabledReason ?? null) : now.disabledReason,
    deletedAt: now.deletedAt ?? other.deletedAt ?? null,
    services: inBoth(now.services, other.services),
    allowedIps: inBoth(now.allowedIps, other.allowedIps),
    dailyCap: least(now.dailyCap, other.dailyCap),
  };
}

/** Null is no limit. */
function least(one: number | null, other: number | null | undefined): number | null {
  if (one === null) return other ?? null;
  return other === null || other === undefined ? one : Math.min(one, other);
}

/** An empty list says every one, so that it must never come of two that say less. */
function inBoth(now: readonly string[], other: readonly string[] | undefined): readonly string[] {
  if (other === undefined || other.length === 0) return now;
  if (now.length === 0) return other;
  const both = now.filter((item) => other.includes(item));
  return both.length === 0 ? now : both;
}

/** Whether they are the same doors, as far as traffic meets them. */
export function sameDoors(one: Doors, other: Doors): boolean {
  return (
    one.expiresAt === other.expiresAt &&
    (one.disabledAt === null) === (other.disabledAt === null) &&
    (one.deletedAt === null) === (other.deletedAt === null) &&
    one.dailyCap === other.dailyCap &&
    one.services.join() === other.services.join() &&
    one.allowedIps.join() === other.allowedIps.join()
  );
}
