import type { Ref } from '../../domain/entities.ts';
import type { KeyHour } from '../../domain/store.ts';
import type { UtcHour } from '../../domain/utc-day.ts';
import { UNFOLDED } from './daily-usage.ts';
import type { Sql } from './sql.ts';

/** What the keys were admitted and denied, by the hour. */
export function keyHours(sql: Sql, keyRefs: readonly Ref[], from: UtcHour, until: UtcHour): Promise<readonly KeyHour[]> {
  const ofKey = (alias: string): string => `${alias}.account_ref = w.account_ref AND ${alias}.key_ref = w.ref`;
  return sql.all<KeyHour>(
    `WITH wanted AS MATERIALIZED (SELECT ref, account_ref, ?::bigint AS first, ?::bigint AS last FROM keys WHERE ref = ANY(?)),
       every AS (
         SELECT u.key_ref, u.hour, u.requests, 0 AS denied FROM wanted w JOIN usage_hours u ON ${ofKey('u')} AND u.hour BETWEEN first AND last
         UNION ALL
         SELECT d.key_ref, d.at / 3600000, 1, 0 FROM wanted w JOIN ${UNFOLDED} d ON ${ofKey('d')} AND d.at / 3600000 BETWEEN first AND last
         UNION ALL
         SELECT d.key_ref, d.hour, 0, d.requests FROM wanted w JOIN denied_hours d ON ${ofKey('d')} AND d.hour BETWEEN first AND last)
     SELECT key_ref, hour, sum(requests) AS requests, sum(denied) AS denied FROM every GROUP BY 1, 2 ORDER BY 1, 2`,
    ...[from, until, keyRefs],
  );
}
