import type { Replaced, Restoring, Watch } from '../domain/store-backup.ts';
import type { Actor, Store, WriteTransaction } from '../domain/store.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';
import { closeDoors, countDoors, doorsOfStore, type ClosedDoors, type Door } from './close-doors.ts';
import { previewPutBack, putBack, type PutBack } from './put-back.ts';
import { readShippedAudit, type ShippedAudit } from './read-shipped-audit.ts';
import { lastTrace, relate } from './relate-stores.ts';

/**
 * How what was done after a backup comes into the restored store: the store that is replaced went on from the backup and goes on; the
 * backup is ahead of it; only its closed doors can be told; or nothing can.
 */
export type Carry = 'everything' | 'nothing-new' | 'doors' | 'nothing';

/** Why not everything can be carried over. */
export type GapReason = 'no-store' | 'damaged' | 'newer' | 'stranger' | 'parted';

/** What a restore does, or would do. */
export interface RestorePlan {
  readonly carry: Carry;
  /** Why what was done since is lost, as far as no lines of an audit trail tell of it; null where it is not. */
  readonly gap: GapReason | null;
  /** When the last thing was done of which the backup tells. */
  readonly backupUntil: Instant | null;
  /** The backup tells of times that this host's clock has not reached. */
  readonly ahead: boolean;
  readonly putBack: PutBack | null;
  /** Doors that are open in the backup and are closed. */
  readonly closes: ClosedDoors;
  readonly shipped: ShippedAudit | null;
}

/** Looks at what a restore would do. `lines` are those of a shipped audit trail. */
export async function planRestore(restoring: Restoring, lines: AsyncIterable<string> | null, now: Instant): Promise<RestorePlan> {
  const { replaced } = restoring;
  const backup = restoring.backup.store;
  const standing = replaced.kind === 'store' ? await standingOf(replaced.store, backup) : withoutStore(replaced);
  const base = standing.carry === 'everything' && replaced.kind === 'store' ? replaced.store : backup;
  const shipped = lines === null ? null : await base.read((tx) => readShippedAudit(lines, tx));
  const backupUntil = await backup.read((tx) => lastTrace(tx));
  const preview = base === backup ? null : await base.read((current) => backup.read((then) => previewPutBack(current, then, now)));
  const doors = standing.carry === 'doors' && replaced.kind === 'store' ? doorsOfStore(replaced.store) : [];
  const fromStore = await backup.read((tx) => countDoors(tx, doors));
  const fromLines = await base.read((tx) => countDoors(tx, doorsOfLines(shipped)));
  return {
    ...standing,
    ...{ backupUntil, ahead: backupUntil !== null && backupUntil > now, putBack: preview, shipped },
    closes: { keys: fromStore.keys + fromLines.keys, accounts: fromStore.accounts + fromLines.accounts },
  };
}

async function standingOf(store: Store, backup: Store): Promise<{ readonly carry: Carry; readonly gap: GapReason | null }> {
  switch (await store.read((current) => backup.read((then) => relate(current, then)))) {
    case 'went-on':
      return { carry: 'everything', gap: null };
    case 'is-past':
      return { carry: 'nothing-new', gap: null };
    case 'parted':
      return { carry: 'doors', gap: 'parted' };
    case 'stranger':
      return { carry: 'nothing', gap: 'stranger' };
  }
}

function withoutStore(replaced: Exclude<Replaced, { kind: 'store' }>): { readonly carry: Carry; readonly gap: GapReason } {
  return { carry: 'nothing', gap: replaced.kind === 'none' ? 'no-store' : replaced.why };
}

/**
 * Whether what was done since the backup is neither in the store that is replaced nor in the lines: nobody may find that out afterwards.
 */
export function hasGap({ gap, shipped }: RestorePlan): boolean {
  return gap !== null && (shipped === null || shipped.missing !== null || shipped.unreadable.length > 0);
}

function* doorsOfLines(shipped: ShippedAudit | null): Generator<Door> {
  if (shipped === null) return;
  for (const [id, doors] of shipped.keys) yield { kind: 'key', id, doors };
  for (const [id, suspendedAt] of shipped.accounts) yield { kind: 'account', id, suspendedAt };
}

/** A restore that was done. */
export interface Restored extends RestorePlan {
  /** Where the replaced store is kept, or null where there was none. */
  readonly kept: string | null;
}

/** Does what was planned, with the replaced store as it is at last. */
export async function restoreStore(restoring: Restoring, plan: RestorePlan, actor: Actor, watch: Watch): Promise<Restored> {
  const { carry, shipped } = plan;
  let done: Pick<RestorePlan, 'putBack' | 'closes'> = { putBack: null, closes: { keys: 0, accounts: 0 } };
  const kept = await restoring.replace(
    {
      base: carry === 'everything' ? 'replaced' : 'backup',
      alsoRead: carry === 'doors',
      build: async (work, stores) => {
        done = await stores.backup.read((backup) =>
          work.write(async (tx, now) => {
            const by = { actor, now };
            const back = carry === 'everything' ? await putBack(tx, backup, by, watch) : null;
            const fromStore = await closeDoors(tx, stores.replaced === null ? [] : doorsOfStore(stores.replaced), by);
            const fromLines = await closeDoors(tx, doorsOfLines(shipped), by);
            const closes = { keys: fromStore.keys + fromLines.keys, accounts: fromStore.accounts + fromLines.accounts };
            await appendEntry(tx, { ...plan, putBack: back, closes, kept: stores.kept }, restoring.backup.path, by);
            return { putBack: back, closes };
          }),
        );
      },
    },
    watch,
  );
  return { ...plan, ...done, kept };
}

async function appendEntry(tx: WriteTransaction, done: Restored, backup: string, by: { actor: Actor; now: Instant }): Promise<void> {
  const { carry, gap, backupUntil, putBack: back, closes, shipped, kept } = done;
  await tx.audit.append({
    ...{ at: by.now, actor: by.actor, action: 'store.restore', targetKind: 'store', targetId: 'store', targetName: backup },
    before: null,
    after: {
      ...{ backup, backupUntil: backupUntil === null ? null : formatInstant(backupUntil), carriedOver: carry, replaced: kept },
      ...{
        gap: hasGap(done) ? gap : null,
        putBack: back,
        closed: closes,
        reappliedEntries: shipped === null ? null : shipped.entries - shipped.known,
      },
    },
  });
}
