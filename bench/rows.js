// The only place of the bench that knows the columns of the store's tables. The program makes the schema; this fills it in bulk, with books
// that balance: every debit is in the usage, every day's spending is the sum of its debits, every closed day has its sums.

export const COST = 100;
/** Never spent by a load, and small enough that a million accounts sum up exactly. */
export const DAILY_CREDITS = 5_000_000_000;
const MS_PER_DAY = 86_400_000;
/** `counted_through` of a closed day. */
const ALL_COUNTED = '9007199254740991';

/** Statements for one account with its tier, and for a key. */
export function accountWriter(db) {
  const account = db.prepare('INSERT INTO accounts (ref, id, name, created_at) VALUES (?, ?, ?, ?)');
  const tier = db.prepare("INSERT INTO account_tiers (account_ref, from_day, tier, decided_at) VALUES (?, 0, 'bench', ?)");
  const key = db.prepare(
    `INSERT INTO keys (ref, id, account_ref, name, environment, digest, mask, created_at, services, allowed_ips, cap_group)
     VALUES (?, ?, ?, ?, 'production', ?, ?, ?, '[]', '[]', ?)`,
  );
  return {
    account: (ref, id, name, at) => {
      account.run(ref, id, name, at);
      tier.run(ref, at);
    },
    key: (ref, id, accountRef, name, digest, mask, at) => key.run(ref, id, accountRef, name, digest, mask, at, ref),
  };
}

/**
 * Debits at even distances in [from, from + ms): account after account in turn, `each` debits in a row, beginning with the account of index
 * `first`. Account `index` has the ref `index + 2` and the key ref `index * keysEach + 1`.
 */
export function insertDebits(db, place) {
  // As BigInt, since a JavaScript number arrives as a real, and reals divide into reals.
  const whole = Object.fromEntries(Object.entries(place).map(([name, value]) => [name, BigInt(value)]));
  db.prepare(
    `WITH RECURSIVE turn (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n + 1 < :count),
       placed (at, extra, account) AS (
         SELECT :from + n * :ms / :count, n - (n * :ms / :count) * :count / :ms, (:first + n / :each) % :accounts FROM turn)
     INSERT INTO debits (number, at, account_ref, key_ref, service_ref, cost, balance_after, request_id, refunded_at)
     SELECT at * 1000 + extra, at, account + 2, account * :keysEach + 1, 1, ${String(COST)}, ${String(DAILY_CREDITS - COST)}, NULL, NULL
     FROM placed`,
  ).run(whole);
}

/**
 * A debit for every `every`th account, at the instant, that leaves it `percent` of its day away but for at most `farthest` requests, at even
 * distances.
 */
export function insertNearThreshold(db, { at, accounts, every, percent, farthest }) {
  const limit = (DAILY_CREDITS * percent) / 100;
  const debit = db.prepare(
    `INSERT INTO debits (number, at, account_ref, key_ref, service_ref, cost, balance_after, request_id, refunded_at)
     VALUES (?, ?, ?, ?, 1, ?, ?, NULL, NULL)`,
  );
  const count = Math.ceil(accounts / every);
  for (let place = 0; place < count; place += 1) {
    const cost = limit - COST * Math.ceil(((place + 1) * farthest) / count);
    const [index, number] = [place * every, BigInt(at) * 1000n + BigInt(place)];
    debit.run(number, at, index + 2, index + 1, cost, DAILY_CREDITS - cost);
  }
}

/** Puts the books that the program made of a day's debits into the archive, as the next day's debits would. */
export function archiveBooks(db, day) {
  db.prepare(
    `INSERT INTO past_days (account_ref, day, granted, adjusted, spent)
     SELECT account_ref, day, granted, adjusted, spent FROM running_days WHERE day = ?`,
  ).run(day);
  db.prepare('DELETE FROM running_days WHERE day = ?').run(day);
}

/** Closes every day before `until`, with the sums of its books and of its usage. */
export function closeDaysBefore(db, from, until) {
  db.prepare(
    `INSERT INTO usage_days SELECT hour / 24, account_ref, key_ref, service_ref, sum(requests), sum(credits) FROM usage_hours
     WHERE hour >= 24 * (SELECT closed_through + 1 FROM state) AND hour < 24 * ? GROUP BY 1, 2, 3, 4`,
  ).run(until);
  db.prepare('INSERT OR REPLACE INTO key_activity SELECT key_ref, max(last_at) FROM usage_hours WHERE key_ref <> 0 GROUP BY 1').run();
  const close = db.prepare(
    `INSERT INTO closed_days (day, closed_at, accounts, granted, adjusted, spent, counted_through)
     SELECT :day, :at, count(*), ifnull(sum(granted), 0), ifnull(sum(adjusted), 0), ifnull(sum(spent), 0), ${ALL_COUNTED}
     FROM past_days WHERE day = :day`,
  );
  for (let day = from; day < until; day += 1) close.run({ day, at: (day + 1) * MS_PER_DAY });
  db.prepare('UPDATE state SET closed_through = ?').run(until - 1);
}
