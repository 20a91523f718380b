import type { Kind } from '../domain/archive.ts';
import { SUMMED } from '../domain/archive-sums.ts';

/** A prime: marks are below it, so that sums of billions of them are exact. */
const MODULUS = 1_048_573;

/** How a day follows from each field that tells one. */
const DAY = { at: '"at" / 86400000', hour: '"hour" / 24', day: '"day"' } as const;

/**
 * The statement that sums up what `rows` answers, which has columns called as the fields are. It is of the SQL that every store understands, so
 * that two stores come to the same marks.
 */
export function sumsOf(kind: Kind, rows: string): string {
  const { time, numbers, texts } = SUMMED[kind];
  const parts = [...numbers.map((name) => `"${name}"`), ...texts.map((name) => `length("${name}")`)].map(
    (value, place) => `CAST(coalesce(${value}, -1) AS bigint) % ${String(MODULUS)} * ${String(weight(place))} % ${String(MODULUS)}`,
  );
  const day = time === null ? null : DAY[time];
  return `SELECT ${day ?? 'NULL'} AS "day", count(*) AS "rows", CAST(coalesce(sum((${parts.join(' + ')}) % ${String(MODULUS)}), 0) AS bigint) AS "mark"
    FROM (${rows}) rows_of_kind ${day === null ? 'HAVING count(*) > 0' : `GROUP BY ${day} ORDER BY 1`}`;
}

/** Any numbers will do that differ, and are no multiples of each other. */
function weight(place: number): number {
  return 7_919 + place * 104_729;
}
