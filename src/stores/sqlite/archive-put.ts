import { Misfit, type ArchiveRow, type Kind } from '../../domain/archive.ts';
import { KeyctlError, usageError } from '../../domain/error.ts';
import type { Ref } from '../../domain/entities.ts';
import { errorCode } from './database.ts';
import type { Sql } from './sql.ts';

type Puts = { readonly [Name in Kind]: (row: ArchiveRow<Name>) => void };

/** Puts rows of another store into one that is empty, each with a number of this store's own. Throws Misfit for a row that refers to none of those before it. */
export class ArchivePut {
  readonly #sql: Sql;
  readonly #services = new Map<number, Ref>();
  #places = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** `place` is the row's among those that are put in together. */
  put<Name extends Kind>(kind: Name, row: ArchiveRow<Name>, place: number): void {
    try {
      this.#puts[kind](row);
    } catch (error) {
      if (error instanceof KeyctlError && error.code === 'usage') throw new Misfit(error.message, place, error);
      if (!errorCode(error).startsWith('SQLITE_CONSTRAINT')) throw error;
      throw new Misfit('It does not fit the lines before it.', place, error);
    }
  }

  #account(id: string): Ref {
    return this.#ref('SELECT ref AS n FROM accounts WHERE id = ?', id, 'an account');
  }

  #key(id: string): Ref {
    return this.#ref('SELECT ref AS n FROM keys WHERE id = ?', id, 'a key');
  }

  #import(id: string): Ref {
    return this.#ref('SELECT ref AS n FROM imports WHERE id = ?', id, 'an import');
  }

  #ref(text: string, id: string, what: string): Ref {
    const ref = this.#sql.number(text, id);
    if (ref === 0) throw usageError(`It refers to ${what} that no line before it has.`);
    return ref;
  }

  #service(number: number): Ref {
    const ref = this.#services.get(number);
    if (ref === undefined) throw usageError('It refers to a service that no line before it has.');
    return ref;
  }

  /** In tables of usage 0 stands for none. */
  #refs(row: { readonly account: string | null; readonly key: string | null; readonly service: number | null }): readonly Ref[] {
    const { account, key, service } = row;
    return [
      account === null ? 0 : this.#account(account),
      key === null ? 0 : this.#key(key),
      service === null ? 0 : this.#service(service),
    ];
  }

  readonly #puts: Puts = {
    state: ({ closedThrough, aheadMicros }) => {
      this.#sql.run('UPDATE state SET closed_through = ?, ahead_micros = ?', closedThrough, aheadMicros);
    },
    setting: ({ name, value }) => {
      this.#sql.run('INSERT INTO config VALUES (?, ?)', name, value);
    },
    prefix: ({ prefix, since }) => {
      this.#places += 1;
      this.#sql.run('INSERT INTO key_prefixes VALUES (?, ?, ?)', prefix, since, this.#places);
    },
    reset: ({ at, day }) => {
      this.#sql.run('INSERT INTO resets (at, day) VALUES (?, ?)', at, day);
    },
    environment: ({ name, code }) => {
      this.#sql.run('INSERT INTO environments VALUES (?, ?)', name, code);
    },
    service: ({ number, name, cost, environment, deletedAt }) => {
      const text = 'INSERT INTO services (name, cost, environment, deleted_at) VALUES (?, ?, ?, ?)';
      this.#services.set(number, this.#sql.insert(text, name, cost, environment, deletedAt));
    },
    tier: ({ name, deletedAt, credits, limits }) => {
      this.#sql.run('INSERT INTO tiers VALUES (?, ?)', name, deletedAt);
      for (const entry of credits) this.#sql.run('INSERT INTO tier_credits VALUES (?, ?, ?)', name, entry.from, entry.credits);
      for (const { service, requestsPerSecond, burst } of limits) {
        this.#sql.run('INSERT INTO tier_limits VALUES (?, ?, ?, ?)', name, service, requestsPerSecond, burst);
      }
    },
    import: ({ id, begunAt, doneAt, undoneAt, accounts, keys }) => {
      const text = 'INSERT INTO imports (id, begun_at, done_at, undone_at, accounts, keys) VALUES (?, ?, ?, ?, ?, ?)';
      this.#sql.run(text, id, begunAt, doneAt, undoneAt, accounts, keys);
    },
    account: ({ id, name, externalId, createdAt, suspendedAt, tiers, import: batch }) => {
      const text = 'INSERT INTO accounts (id, name, external_id, created_at, suspended_at) VALUES (?, ?, ?, ?, ?)';
      const ref = this.#sql.insert(text, id, name, externalId, createdAt, suspendedAt);
      for (const { from, tier, decidedAt } of tiers)
        this.#sql.run('INSERT INTO account_tiers VALUES (?, ?, ?, ?)', ref, from, tier, decidedAt);
      if (batch !== null) this.#sql.run('INSERT INTO imported_accounts VALUES (?, ?)', this.#import(batch), ref);
    },
    key: (key) => {
      this.#putKey(key);
    },
    adjustment: ({ id, at, account, day, amount, reason, actor }) => {
      const text = 'INSERT INTO adjustments (id, at, account_ref, day, amount, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?)';
      this.#sql.run(text, id, at, this.#account(account), day, amount, reason, actor);
    },
    // The archive has every day; the next settle of the running one fetches it from there.
    books: ({ account, day, granted, adjusted, spent }) => {
      this.#sql.run('INSERT INTO past_days VALUES (?, ?, ?, ?, ?)', day, this.#account(account), granted, adjusted, spent);
    },
    closedDay: ({ day, closedAt, accounts, granted, adjusted, spent }) => {
      const text = 'INSERT INTO closed_days VALUES (?, ?, ?, ?, ?, ?, 9007199254740991)';
      this.#sql.run(text, day, closedAt, accounts, granted, adjusted, spent);
    },
    cap: ({ key, day, spent }) => {
      const capGroup = this.#sql.number('SELECT cap_group AS n FROM keys WHERE ref = ?', this.#key(key));
      this.#sql.run('INSERT INTO cap_spending VALUES (?, ?, ?)', capGroup, day, spent);
    },
    debit: ({ id, at, cost, balanceAfter, requestId, refundedAt, ...of }) => {
      const [account = 0, key = 0, service = 0] = this.#refs(of);
      const text = 'INSERT INTO debits VALUES (?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, NULL)';
      this.#sql.run(text, id, at, account, key, service, cost, balanceAfter, requestId, refundedAt);
    },
    requestId: ({ requestId, debit, cost, expiresAt, replaysLeft, refunded, ...of }) => {
      const [account = 0, key = 0, service = 0] = this.#refs(of);
      const text = 'INSERT INTO request_ids VALUES (?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?)';
      this.#sql.run(text, account, requestId, debit, key, service, cost, expiresAt, replaysLeft, refunded);
    },
    usedHour: ({ hour, requests, credits, ...of }) => {
      // Its last use stands in key_activity, and no debit is still to be added to it.
      const text = 'INSERT INTO usage_hours VALUES (?, ?, ?, ?, ?, ?, 0, ifnull((SELECT max(number) FROM debits), 0))';
      this.#sql.run(text, hour, ...this.#refs(of), requests, credits);
    },
    usedDay: ({ day, requests, credits, ...of }) => {
      this.#sql.run('INSERT INTO usage_days VALUES (?, ?, ?, ?, ?, ?)', day, ...this.#refs(of), requests, credits);
    },
    deniedHour: ({ hour, code, requests, ...of }) => {
      this.#sql.run('INSERT INTO denied_hours VALUES (?, ?, ?, ?, ?, ?)', hour, ...this.#refs(of), code, requests);
    },
    deniedDay: ({ day, code, requests, ...of }) => {
      this.#sql.run('INSERT INTO denied_days VALUES (?, ?, ?, ?, ?, ?)', day, ...this.#refs(of), code, requests);
    },
    denial: ({ at, code, ip, requestId, requests, ...of }) => {
      const text = `INSERT INTO denials (at, account_ref, key_ref, service_ref, code, ip, request_id, requests)
        VALUES (?, nullif(?, 0), nullif(?, 0), nullif(?, 0), ?, ?, ?, ?)`;
      this.#sql.run(text, at, ...this.#refs(of), code, ip, requestId, requests);
    },
    audit: ({ at, actor, action, targetKind, targetId, targetName, before, after }) => {
      this.#sql.run(
        `INSERT INTO audit (at, claimed_actor, os_user, sudo_user, host, action, target_kind, target_id, target_name, before, after)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[at, actor.claimed, actor.osUser, actor.sudoUser, actor.host, action, targetKind, targetId, targetName],
        ...[before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after)],
      );
    },
    webhook: ({ url, allowsHttp, secret, formerSecret, formerUntil, thresholds, expiryMs, since }) => {
      this.#sql.run(
        'INSERT INTO webhook VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)',
        ...[url, allowsHttp, secret, formerSecret, formerUntil, JSON.stringify(thresholds), expiryMs, since],
      );
    },
    toldThreshold: ({ account, day, threshold }) => {
      this.#sql.run('INSERT INTO told_thresholds VALUES (?, ?, ?)', day, this.#account(account), threshold);
    },
    toldExpiry: ({ key, expiresAt }) => {
      this.#sql.run('INSERT INTO told_expiries VALUES (?, ?)', this.#key(key), expiresAt);
    },
    message: ({ id, type, at, body, status, attempts, dueAt, lastAt, lastResult, endedAt }) => {
      this.#sql.run(
        `INSERT INTO alerts (id, type, at, body, status, attempts, due_at, last_at, last_result, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, type, at, body, status, attempts, dueAt, lastAt, lastResult, endedAt],
      );
    },
  };

  #putKey(key: ArchiveRow<'key'>): void {
    const account = this.#account(key.account);
    const ref = this.#sql.number('SELECT max(ref) AS n FROM keys') + 1;
    const capGroup = key.capOf === key.id ? ref : this.#sql.number('SELECT cap_group AS n FROM keys WHERE ref = ?', this.#key(key.capOf));
    this.#sql.run(
      `INSERT INTO keys (ref, id, account_ref, name, environment, digest, mask, note, created_at, expires_at, disabled_at, disabled_reason,
         deleted_at, rotated_from, rotated_to, services, allowed_ips, daily_cap, cap_group)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[ref, key.id, account, key.name, key.environment, Buffer.from(key.sha256, 'hex'), key.mask, key.note, key.createdAt],
      ...[key.expiresAt, key.disabledAt, key.disabledReason, key.deletedAt, key.rotatedFrom, key.rotatedTo],
      ...[JSON.stringify(key.services), JSON.stringify(key.allowedIps), key.dailyCap, capGroup],
    );
    if (key.lastUsedAt !== null) this.#sql.run('INSERT INTO key_activity VALUES (?, ?)', ref, key.lastUsedAt);
    if (key.import !== null) this.#sql.run('INSERT INTO imported_keys VALUES (?, ?)', this.#import(key.import), ref);
  }
}
