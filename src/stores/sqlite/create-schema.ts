import {
  BUILT_IN_ENVIRONMENTS,
  BUILT_IN_SERVICES,
  BUILT_IN_TIERS,
  DEFAULT_ACCOUNT,
  DEFAULT_KEY_PREFIX,
  DEFAULT_TIER,
} from '../../domain/defaults.ts';
import { newId, type RandomBytes } from '../../domain/random.ts';
import { dayOf, type Instant } from '../../domain/utc-day.ts';
import { checkKeyctl, type Sqlite } from './database.ts';
import { APPLICATION_ID, MIGRATIONS, type Migration } from './schema.ts';

/**
 * Brings an empty file to the newest schema and fills in what every store begins with, in one transaction.
 * Two processes that do it at once are safe: the second finds the first one's work under the lock.
 */
export function createSchema(db: Sqlite, path: string, now: Instant, randomBytes: RandomBytes): void {
  // A store that is there already is not waited for: a busy server may hold its lock.
  if (isThere(db, path)) return;
  db.transaction(() => {
    if (isThere(db, path)) return;
    db.pragma(`application_id = ${String(APPLICATION_ID)}`);
    for (const migration of MIGRATIONS) applyMigration(db, migration, now);
    fill(db, now, randomBytes);
  }).immediate();
}

function isThere(db: Sqlite, path: string): boolean {
  const objects = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
  if (objects.n > 0) checkKeyctl(db, path);
  return objects.n > 0;
}

export function applyMigration(db: Sqlite, migration: Migration, now: Instant): void {
  db.exec(migration.sql);
  db.prepare('INSERT INTO schema_versions VALUES (?, ?, ?)').run(migration.version, migration.usableSince, now);
}

function fill(db: Sqlite, now: Instant, randomBytes: RandomBytes): void {
  db.prepare('INSERT INTO state VALUES (1, 0, 0, 0, 0, 0, ?, 0)').run(dayOf(now) - 1);
  db.prepare('INSERT INTO key_prefixes VALUES (?, ?, 1)').run(DEFAULT_KEY_PREFIX, now);
  for (const { name, code } of BUILT_IN_ENVIRONMENTS) db.prepare('INSERT INTO environments VALUES (?, ?)').run(name, code);
  for (const { name, cost, environment } of BUILT_IN_SERVICES) {
    db.prepare('INSERT INTO services (name, cost, environment) VALUES (?, ?, ?)').run(name, cost, environment);
  }
  for (const { name, dailyCredits, requestsPerSecond } of BUILT_IN_TIERS) {
    db.prepare('INSERT INTO tiers (name) VALUES (?)').run(name);
    db.prepare('INSERT INTO tier_credits VALUES (?, 0, ?)').run(name, dailyCredits);
    db.prepare("INSERT INTO tier_limits VALUES (?, '*', ?, ?)").run(name, requestsPerSecond, requestsPerSecond);
  }
  const { lastInsertRowid } = db
    .prepare('INSERT INTO accounts (id, name, created_at) VALUES (?, ?, ?)')
    .run(newId('acct', randomBytes), DEFAULT_ACCOUNT, now);
  db.prepare('INSERT INTO account_tiers VALUES (?, 0, ?, ?)').run(lastInsertRowid, DEFAULT_TIER, now);
}
