import type { ChalkInstance } from 'chalk';
import { wrapBehind } from './fit.ts';

/** What paints text. */
export type Paint = ChalkInstance;

/** `Label:   value` lines with their values under each other, also where one needs several lines of so many places. */
export function facts(lines: readonly (readonly [string, string])[], paint: Paint, places: number): string {
  const width = Math.max(...lines.map(([label]) => label.length)) + 2;
  return lines.map(([label, value]) => wrapBehind(paint.dim(`${label}:`.padEnd(width)), value, places)).join('\n');
}

/** A length of time in its one or two largest units: `3 h 20 min`, `45 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${String(amount)} ${unit}`)
    .join(' ');
}

/** How long ago or until, for tables: `2 h 5 min ago`, `in 3 d`, or a dash. */
export function relative(at: number | null, now: number): string {
  if (at === null) return '-';
  return at <= now ? `${duration(now - at)} ago` : `in ${duration(at - now)}`;
}

/** Colours a key's or an account's status. */
export function statusColor(status: string, paint: Paint): string {
  if (status === 'active') return paint.green(status);
  return status === 'expired' ? paint.yellow(status) : paint.red(status);
}

/** `11-28 09:53:57`, UTC: a moment that stays on the screen, where `5 s ago` would soon be wrong. */
export function stamp(at: number): string {
  return new Date(at).toISOString().slice(5, 19).replace('T', ' ');
}
