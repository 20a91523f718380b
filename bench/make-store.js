// Makes a store of any size: the program makes the file and folds the debits, `rows.js` fills it in large transactions without waiting for
// the disk. A million keys and ten million debits take about a minute.
import Database from 'better-sqlite3';
import { randomFillSync } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { digestApiKey, maskApiKey, mintApiKey } from './parts/api-key.js';
import { newId } from './parts/random.js';
import { openStore } from './parts/open-store.js';
import { accountWriter, closeDaysBefore, DAILY_CREDITS, archiveBooks, insertDebits, insertNearThreshold } from './rows.js';

const MS_PER_DAY = 86_400_000;
const CHUNK = 50_000;
const PORT_CHUNK = 1_000;
/** How old everything is: older than what `reset` keeps of debits by 31 days. */
const BEGAN_DAYS_AGO = 66;
const HISTORY_DAYS = 30;
/** How many debits an account makes in a row, so that the ten million are of hundreds of thousands of (account, hour). */
const IN_A_ROW = 8;

const pool = Buffer.alloc(65_536);
let used = pool.length;

/** The CSPRNG in large portions: a million ids take millions of small ones. */
function randomBytes(length) {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += length;
  return pool.subarray(used - length, used);
}

/**
 * Fills a new store at `path` with accounts of `keysEach` keys, on a tier that is never spent and has no rate limit, and with `debits` that
 * are old enough to be pruned, on closed days. Returns the secrets of the first `secrets` accounts' keys.
 * @param {{ path: string, accounts: number, keysEach: number, debits?: number, secrets?: number }} options
 */
export async function makeStore({ path, accounts, keysEach, debits = 0, secrets = accounts }) {
  const today = Math.floor(Date.now() / MS_PER_DAY);
  const began = (today - BEGAN_DAYS_AGO) * MS_PER_DAY;
  const { store } = await openStore({ location: path, mode: 'create', clock: () => began, randomBytes, busyTimeoutMs: 1_000 });
  await store.write((tx) => tx.tiers.insert('bench', DAILY_CREDITS, 0));
  await store.close();
  const kept = bulk(path, (db) => addAccounts(db, { accounts, keysEach, secrets, began }));
  await addHistory({ path, accounts, keysEach, debits, today });
  return kept;
}

/**
 * The same accounts and keys by way of the port, in any store; slower. They are on a tier that is never spent and has no rate limit.
 * Returns the secrets of the keys.
 */
export async function accountsByPort(store, { accounts, keysEach }) {
  const secrets = [];
  await store.write(async (tx) => {
    await tx.tiers.insert('bench', DAILY_CREDITS, 0);
    await tx.tiers.setLimits('bench', new Map());
  });
  for (let from = 0; from < accounts; from += PORT_CHUNK) {
    await store.write(async (tx, now) => {
      for (let index = from; index < Math.min(accounts, from + PORT_CHUNK); index += 1) {
        const named = { id: newId('acct', randomBytes), name: `bench-${String(index)}`, externalId: null };
        const account = await tx.accounts.insert({ ...named, createdAt: now, suspendedAt: null }, 'bench');
        for (let which = 0; which < keysEach; which += 1) {
          const apiKey = mintApiKey('kc', 'prod', randomBytes);
          await tx.keys.insert(keyOf(account.ref, apiKey, `key-${String(which)}`, now));
          secrets.push(apiKey);
        }
      }
    });
  }
  return secrets;
}

function keyOf(accountRef, apiKey, name, now) {
  return {
    ...{ id: newId('key', randomBytes), accountRef, digest: digestApiKey(apiKey), mask: maskApiKey(apiKey), createdAt: now, name },
    ...{ environment: 'production', note: null, expiresAt: null, disabledAt: null, disabledReason: null, deletedAt: null },
    ...{ rotatedFrom: null, rotatedTo: null, services: [], allowedIps: [], dailyCap: null, capGroup: null },
  };
}

/** Opens the file for writing without durability, and leaves it without a log. */
function bulk(path, act) {
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -524288');
  db.pragma('wal_autocheckpoint = 100000');
  const result = act(db);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return result;
}

function addAccounts(db, { accounts, keysEach, secrets, began }) {
  const write = accountWriter(db);
  const kept = [];
  for (let from = 0; from < accounts; from += CHUNK) {
    db.transaction(() => {
      for (let index = from; index < Math.min(accounts, from + CHUNK); index += 1) {
        const ref = index + 2;
        write.account(ref, newId('acct', randomBytes), `bench-${String(index)}`, began);
        for (let which = 0; which < keysEach; which += 1) {
          const apiKey = mintApiKey('kc', 'prod', randomBytes);
          const digest = Buffer.from(digestApiKey(apiKey), 'hex');
          const keyRef = index * keysEach + which + 1;
          write.key(keyRef, newId('key', randomBytes), ref, `key-${String(which)}`, digest, maskApiKey(apiKey), began);
          if (index < secrets) kept.push(apiKey);
        }
      }
    })();
  }
  return kept;
}

/** The old days, each with a part of the accounts; all days up to yesterday are closed. */
async function addHistory({ path, accounts, keysEach, debits, today }) {
  const first = today - BEGAN_DAYS_AGO;
  const count = Math.ceil(debits / HISTORY_DAYS);
  for (let day = first; debits > 0 && day < first + HISTORY_DAYS; day += 1) {
    const begin = Math.ceil((count / IN_A_ROW) * (day - first)) % accounts;
    await addDay({ path, day, count, each: IN_A_ROW, first: begin, accounts, keysEach, until: (day + 1) * MS_PER_DAY, hot: false });
  }
  bulk(path, (db) => closeDaysBefore(db, first, today));
}

/** Debits of one day until an instant, folded by the program into usage and books. */
async function addDay({ path, day, count, each, first, accounts, keysEach, until, hot }) {
  const from = day * MS_PER_DAY;
  bulk(path, (db) => db.transaction(() => insertDebits(db, { from, ms: until - from, count, each, first, accounts, keysEach }))());
  const { store } = await openStore({ location: path, mode: 'write', clock: () => until, randomBytes, busyTimeoutMs: 1_000 });
  await store.write((tx) => tx.usage.fold(count + 1));
  await store.close();
  if (!hot) bulk(path, (db) => db.transaction(() => archiveBooks(db, day))());
}

/**
 * Copies a store and adds one request of each account: today, as a store is in the course of a day, or yesterday, which is then still open,
 * as `reset` finds it at midnight.
 * @param {{ from: string, path: string, accounts: number, keysEach: number, day: 'today' | 'yesterday' }} options
 */
export async function withBusyDay({ from, path, accounts, keysEach, day }) {
  copyFileSync(from, path);
  const now = Date.now() - 1_000;
  const today = Math.floor(now / MS_PER_DAY);
  const busy = day === 'today' ? today : today - 1;
  const until = day === 'today' ? now : today * MS_PER_DAY;
  await addDay({ path, day: busy, count: accounts, each: 1, first: 0, accounts, keysEach, until, hot: true });
  if (day === 'yesterday') bulk(path, (db) => reopen(db, busy));
}

/**
 * Brings every `every`th account of a store of one key each near a share of today's credits, as a debit of a moment ago would have.
 * @param {{ path: string, accounts: number, every: number, percent: number, farthest: number }} options
 */
export async function nearThreshold({ path, accounts, ...near }) {
  const at = Date.now() - 1_000;
  bulk(path, (db) => db.transaction(() => insertNearThreshold(db, { at, accounts, ...near }))());
  const { store } = await openStore({ location: path, mode: 'write', clock: () => at, randomBytes, busyTimeoutMs: 1_000 });
  await store.write((tx) => tx.usage.fold(accounts + 1));
  await store.close();
  bulk(path, () => undefined);
}

function reopen(db, day) {
  db.prepare('DELETE FROM usage_days WHERE day = ?').run(day);
  db.prepare('DELETE FROM closed_days WHERE day = ?').run(day);
  db.prepare('UPDATE state SET closed_through = ?').run(day - 1);
}
