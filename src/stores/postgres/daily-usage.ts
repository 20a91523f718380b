// The hours of a day become its rows in usage_days when the account's books of that day are counted for its closing. Until then a debit
// touches one row of usage; whoever asks for days adds the hours.

const CLOSED_THROUGH = '(SELECT closed_through FROM state)';

/** Whether the usage of an account's day is in usage_days, as a condition on two expressions. */
export function rolledUp(day: string, accountRef: string): string {
  return `(${day} <= ${CLOSED_THROUGH} OR EXISTS (SELECT 1 FROM closed_days c WHERE c.day = (SELECT counting_day FROM state)
    AND c.day = ${day} AND ${accountRef} <= c.counted_through))`;
}

/** Hours of usage that are in no row of usage_days yet, with their days, as a table. */
export const NOT_ROLLED_UP = `(SELECT h.*, h.hour / 24 AS day FROM usage_hours h WHERE h.hour >= 24 * (${CLOSED_THROUGH} + 1)
  AND NOT ${rolledUp('h.hour / 24', 'h.account_ref')})`;

/** Debits that usage does not hold yet, as a table. */
export const UNFOLDED = '(SELECT d.* FROM debits d WHERE d.number > (SELECT folded_through FROM state))';
