import { grouped } from '../domain/grouped.ts';
import type { Restoring } from '../domain/store-backup.ts';
import { formatInstant } from '../domain/utc-day.ts';
import type { PutBack } from '../operations/put-back.ts';
import type { ShippedAudit } from '../operations/read-shipped-audit.ts';
import { hasGap, type GapReason, type Restored, type RestorePlan } from '../operations/restore-store.ts';

export const RESTORE_FIELDS = [
  ...['store', 'backup', 'schema', 'backupUntil', 'carriedOver', 'replaced', 'gap', 'putBack', 'closed', 'reapplied'],
] as const;

/** How many names of lost keys, and numbers of lines, are told. */
const MOST_TOLD = 10;

export function restoreJson({ location, backup }: Restoring, restored: Restored): Record<string, unknown> {
  const { carry: carriedOver, backupUntil, kept, putBack, closes, shipped } = restored;
  return {
    ...{ store: location, backup: backup.path, schema: backup.schema, backupUntil: instantText(backupUntil) },
    ...{ carriedOver, replaced: kept, gap: hasGap(restored) ? { reason: restored.gap, from: instantText(backupUntil) } : null },
    ...{ putBack, closed: closes, reapplied: shipped === null ? null : shippedJson(shipped) },
  };
}

function instantText(at: number | null): string | null {
  return at === null ? null : formatInstant(at);
}

function shippedJson({ entries, known, until, missing, unreadable, lost, others }: ShippedAudit): Record<string, unknown> {
  return {
    ...{ entries, known, until: instantText(until), missingFrom: missing, unreadableLines: unreadable },
    ...{ lost, notReapplied: Object.fromEntries(others) },
  };
}

/** What a restore would do, a line each. */
export function describePlan(restoring: Restoring, plan: RestorePlan): readonly string[] {
  const { backup, location } = restoring;
  const ahead = plan.ahead ? ['  Its last entry is of a time that the clock of this host has not reached: check the clock.'] : [];
  return [
    `Restore ${backup.path} (schema ${String(backup.schema)}, in which the last thing was done ${since(plan)}) to ${location}:`,
    ...ahead,
    ...carryLines(plan),
    ...(plan.shipped === null ? [] : shippedLines(plan.shipped)),
    ...(plan.closes.keys + plan.closes.accounts === 0 ? [] : [`  Closed again: ${counted(plan.closes)} that are open in the backup.`]),
  ];
}

function since({ backupUntil }: RestorePlan): string {
  return backupUntil === null ? 'before its first entry' : formatInstant(backupUntil);
}

function carryLines({ carry, putBack }: RestorePlan): readonly string[] {
  switch (carry) {
    case 'everything':
      return [
        '  Stays as it is: debits, spending, usage, refunds, request ids, credits given or taken, and the audit trail.',
        ...(putBack === null ? [] : putBackLines(putBack)),
      ];
    case 'nothing-new':
      return ['  The store there is an earlier state of the backup: there is nothing to carry over.'];
    case 'doors':
      return ['  The store there and the backup parted after a common past: the doors that are closed there are closed.'];
    case 'nothing':
      return [];
  }
}

function putBackLines({ staysClosed, madeSince, ...back }: PutBack): readonly string[] {
  const kinds = [
    ...[count(back.keys, 'key', 'keys'), count(back.accounts, 'account', 'accounts'), count(back.tiers, 'tier', 'tiers')],
    ...[count(back.services, 'service', 'services'), count(back.environments, 'environment', 'environments')],
    ...[count(back.settings, 'setting', 'settings')],
  ].filter((text) => !text.startsWith('0 '));
  return [
    `  Goes back to what it was: ${kinds.length === 0 ? 'nothing, the backup says the same' : kinds.join(', ')}.`,
    `  Stays closed: ${counted(staysClosed)} closed or restricted since. Stays: ${counted(madeSince)} made since.`,
  ];
}

function shippedLines({ entries, known, until, missing, unreadable, lost, others }: ShippedAudit): readonly string[] {
  const lines = [
    `  Audit trail: ${grouped(entries)} entries, ${grouped(entries - known)} of them new, until ${instantText(until) ?? 'no time'}.`,
  ];
  if (missing !== null)
    lines.push(`  Its entry ${String(missing)} is missing: the lines do not go on from the trail, or leave entries out.`);
  if (unreadable.length > 0) lines.push(`  Lines that are no entries: ${told(unreadable.map(String))}.`);
  if (lost.length > 0)
    lines.push(`  Made since and lost, so that new ones are needed: ${told(lost.map(({ kind, name }) => `${kind} ${name}`))}.`);
  if (others.size > 0) {
    const kinds = [...others].map(([action, times]) => `${action} (${grouped(times)})`);
    lines.push(`  Not reapplied, to be done again by hand where it still matters: ${kinds.join(', ')}.`);
  }
  return lines;
}

function told(items: readonly string[]): string {
  const more = items.length - MOST_TOLD;
  return items.slice(0, MOST_TOLD).join(', ') + (more > 0 ? ` and ${grouped(more)} more` : '');
}

function counted({ keys, accounts }: { readonly keys: number; readonly accounts: number }): string {
  return `${count(keys, 'key', 'keys')} and ${count(accounts, 'account', 'accounts')}`;
}

function count(number: number, one: string, many: string): string {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

const WHY: Record<GapReason, string> = {
  'no-store': 'there is no store',
  damaged: 'the store is damaged',
  newer: 'the store was made by a newer keyctl',
  stranger: 'the store is not the one that was backed up',
  parted: 'the store and the backup parted after a common past',
};

/** What is lost by restoring, in one sentence. */
export function gapText({ location }: Restoring, plan: RestorePlan): string {
  const why = plan.gap === null ? '' : WHY[plan.gap];
  const doors = plan.carry === 'doors' ? '' : 'keys that were disabled, deleted or rotated since pass again, suspended accounts go on, ';
  return (
    `at ${location} ${why}, so that what was done since the backup's last entry, ${since(plan)}, is lost: ` +
    `${doors}keys made since are gone, and what was spent since counts as not spent.`
  );
}

/** What a restore did. */
export function describeDone({ location, backup }: Restoring, { carry, kept, gap, shipped }: Restored): string {
  const lines = [`Restored ${backup.path} to ${location}.`];
  if (kept !== null) lines.push(`What was there is kept at ${kept}`);
  if (gap !== null && shipped !== null)
    lines.push('The audit trail tells no spending: what was spent since the backup counts as not spent.');
  if (carry === 'everything') lines.push('What went back to the backup is in the audit trail: keyctl audit --since 5m');
  lines.push('Look before you serve again: keyctl doctor');
  return lines.join('\n');
}
