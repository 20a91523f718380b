import type { Glyphs } from './glyphs.ts';

/**
 * A bar of so many places, filled as far as `part` is of `whole`. What is something shows at least a sliver, and only a whole is drawn
 * as one: a bar that looks full is full.
 */
export function bar(part: number, whole: number, places: number, { full, empty, rightward }: Glyphs): string {
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : Number(part > 0);
  const steps = rightward.length + 1;
  const filled = share === 0 ? 0 : Math.max(1, Math.floor(share * places * steps));
  const end = rightward[(filled % steps) - 1] ?? '';
  return (full.repeat(Math.floor(filled / steps)) + end).padEnd(places, empty);
}

/** One place for each value, as high as it is beside the highest; nothing for zero. */
export function sparkline(values: readonly number[], { full, upward }: Glyphs): string {
  const highest = Math.max(0, ...values);
  const levels = [...upward, full];
  return values
    .map((value) => (value <= 0 ? ' ' : (levels[Math.max(0, Math.ceil((value / highest) * levels.length) - 1)] ?? full)))
    .join('');
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** A number in at most five places, for axes: `950`, `12.5k`, `3M`. Never more than it is: what it leaves out is cut off. */
export function compact(value: number): string {
  let [scaled, unit] = [value, 0];
  for (; scaled >= 1_000 && unit < UNITS.length - 1; unit += 1) scaled /= 1_000;
  const digits = scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${String(Math.floor((value * 10 ** digits) / 1_000 ** unit) / 10 ** digits)}${UNITS[unit] ?? ''}`;
}
