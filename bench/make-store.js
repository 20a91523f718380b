// Makes a store of any size, through the store's own tables in large transactions: a million keys take a minute.
import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { digestApiKey, maskApiKey, mintApiKey } from './parts/api-key.js';
import { newId } from './parts/random.js';
import { openStore } from './parts/open-store.js';

const CHUNK = 50_000;

/**
 * Fills a new store at `path` with accounts of `keysEach` keys, on a tier that is never spent and has no rate limit, and with debits of
 * the past days. Returns the secrets of the first `secrets` accounts' keys.
 * @param {{ path: string, accounts: number, keysEach: number, debits?: number, secrets?: number }} options
 */
export async function makeStore({ path, accounts, keysEach, debits = 0, secrets = accounts }) {
  const { store } = await openStore({ location: path, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 1_000 });
  await store.write((tx) => tx.tiers.insert('bench', 1e15));
  await store.close();
  const db = new Database(path);
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -262144');
  const kept = addAccounts(db, { accounts, keysEach, secrets });
  addDebits(db, { debits, accounts, keysEach });
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return kept;
}

function addAccounts(db, { accounts, keysEach, secrets }) {
  const now = Date.now() - 40 * 86_400_000;
  const account = db.prepare('INSERT INTO accounts (ref, id, name, created_at) VALUES (?, ?, ?, ?)');
  const tier = db.prepare("INSERT INTO account_tiers VALUES (?, 0, 'bench', ?)");
  const key = db.prepare(
    `INSERT INTO keys (ref, id, account_ref, name, environment, digest, mask, created_at, services, allowed_ips, cap_group)
     VALUES (?, ?, ?, ?, 'production', ?, ?, ?, '[]', '[]', ?)`,
  );
  const kept = [];
  for (let from = 0; from < accounts; from += CHUNK) {
    db.transaction(() => {
      for (let index = from; index < Math.min(accounts, from + CHUNK); index += 1) {
        const ref = index + 2;
        account.run(ref, newId('acct', randomBytes), `bench-${String(index)}`, now);
        tier.run(ref, now);
        for (let which = 0; which < keysEach; which += 1) {
          const apiKey = mintApiKey('kc', 'prod', randomBytes);
          const keyRef = index * keysEach + which + 1;
          const digest = Buffer.from(digestApiKey(apiKey), 'hex');
          key.run(keyRef, newId('key', randomBytes), ref, `key-${String(which)}`, digest, maskApiKey(apiKey), now, keyRef);
          if (index < secrets) kept.push(apiKey);
        }
      }
    })();
  }
  return kept;
}

/** Debits of the last 30 days, in time order and already counted in usage, as `serve` and `reset` leave them. */
function addDebits(db, { debits, accounts, keysEach }) {
  if (debits === 0) return;
  const start = Date.now() - 30 * 86_400_000;
  const step = Math.floor((30 * 86_400_000 - 60_000) / debits);
  const insert = db.prepare('INSERT INTO debits VALUES (?, ?, ?, ?, 1, 100, 1000000, NULL, NULL)');
  for (let from = 0; from < debits; from += CHUNK) {
    db.transaction(() => {
      for (let index = from; index < Math.min(debits, from + CHUNK); index += 1) {
        const at = start + index * step;
        const account = Math.floor(Math.random() * accounts);
        insert.run(at * 1_000 + (index % 1_000), at, account + 2, account * keysEach + 1);
      }
    })();
  }
  db.prepare('UPDATE state SET folded_through = (SELECT max(number) FROM debits)').run();
}
