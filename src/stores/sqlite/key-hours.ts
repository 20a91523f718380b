import type { Ref } from '../../domain/entities.ts';
import type { KeyHour } from '../../domain/store.ts';
import type { UtcHour } from '../../domain/utc-day.ts';
import type { Sql } from './sql.ts';
import { UNFOLDED } from './uses.ts';

/**
 * What the keys were admitted and denied, by the hour. The hours are written out one by one, since the tables lie by hour and then by account:
 * a range of hours would read what every account did in them.
 */
export function keyHours(sql: Sql, keyRefs: readonly Ref[], from: UtcHour, until: UtcHour): readonly KeyHour[] {
  const hours = Array.from({ length: Math.max(0, until - from + 1) }, (_, index) => from + index);
  return sql.all<KeyHour>(
    `WITH wanted AS MATERIALIZED (SELECT k.ref, k.account_ref FROM json_each(?) l CROSS JOIN keys k ON k.ref = l.value),
       hours AS MATERIALIZED (SELECT value AS hour FROM json_each(?)),
       every AS (
         SELECT u.key_ref, u.hour, u.requests, 0 AS denied FROM wanted w CROSS JOIN hours h
           CROSS JOIN usage_hours u ON u.hour = h.hour AND u.account_ref = w.account_ref AND u.key_ref = w.ref
         UNION ALL
         SELECT key_ref, at / 3600000, 1, 0 FROM ${UNFOLDED}
           WHERE key_ref IN (SELECT ref FROM wanted) AND at / 3600000 IN (SELECT hour FROM hours)
         UNION ALL
         SELECT d.key_ref, d.hour, 0, d.requests FROM wanted w CROSS JOIN hours h
           CROSS JOIN denied_hours d ON d.hour = h.hour AND d.account_ref = w.account_ref AND d.key_ref = w.ref)
     SELECT key_ref AS keyRef, hour, sum(requests) AS requests, sum(denied) AS denied FROM every GROUP BY 1, 2 ORDER BY 1, 2`,
    ...[JSON.stringify(keyRefs), JSON.stringify(hours)],
  );
}
