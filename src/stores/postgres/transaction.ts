import type { Staging } from '../../domain/imports.ts';
import type { Pruned, PruneLimits, WriteTransaction } from '../../domain/store.ts';
import { PostgresAccounts } from './accounts.ts';
import { PostgresAlerts } from './alerts.ts';
import { PostgresArchive } from './archive.ts';
import { PostgresAudit } from './audit.ts';
import { PostgresCatalogue } from './catalogue.ts';
import { PostgresConfig } from './config.ts';
import { PostgresCredits } from './credits.ts';
import { PostgresDebits } from './debits.ts';
import type { Horizon } from './horizon.ts';
import { PostgresImports } from './imports.ts';
import { PostgresKeys } from './keys.ts';
import { PostgresProof } from './proof.ts';
import { countPrunable, prune } from './prune.ts';
import { PostgresServers } from './servers.ts';
import type { Sql } from './sql.ts';
import { PostgresTiers } from './tiers.ts';
import { PostgresUsage } from './usage.ts';

/** The port's parts over one connection. */
export class PostgresTransaction implements WriteTransaction {
  readonly keys: WriteTransaction['keys'];
  readonly accounts: WriteTransaction['accounts'];
  readonly tiers: WriteTransaction['tiers'];
  readonly catalogue: WriteTransaction['catalogue'];
  readonly credits: PostgresCredits;
  readonly debits: WriteTransaction['debits'];
  readonly usage: WriteTransaction['usage'];
  readonly audit: WriteTransaction['audit'];
  readonly config: WriteTransaction['config'];
  readonly proof: WriteTransaction['proof'];
  readonly imports: WriteTransaction['imports'];
  readonly staging: WriteTransaction['staging'];
  readonly archive: WriteTransaction['archive'];
  readonly alerts: WriteTransaction['alerts'];
  readonly servers: WriteTransaction['servers'];
  readonly #sql: Sql;

  constructor(sql: Sql, horizon: Horizon, staging: Staging) {
    this.#sql = sql;
    this.keys = new PostgresKeys(sql);
    this.accounts = new PostgresAccounts(sql);
    this.tiers = new PostgresTiers(sql);
    this.catalogue = new PostgresCatalogue(sql);
    this.credits = new PostgresCredits(sql);
    this.debits = new PostgresDebits(sql, horizon);
    this.usage = new PostgresUsage(sql, horizon);
    this.audit = new PostgresAudit(sql);
    this.config = new PostgresConfig(sql);
    this.proof = new PostgresProof(sql, this.credits);
    this.imports = new PostgresImports(sql, this.keys);
    this.staging = staging;
    this.archive = new PostgresArchive(sql);
    this.alerts = new PostgresAlerts(sql, this.keys);
    this.servers = new PostgresServers(sql);
  }

  async prune(limits: PruneLimits, limit: number): Promise<Pruned> {
    return prune(this.#sql, limits, limit);
  }

  async countPrunable(limits: PruneLimits): Promise<Pruned> {
    return countPrunable(this.#sql, limits);
  }
}
