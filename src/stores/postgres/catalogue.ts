import type { Environment, Ref, Service } from '../../domain/entities.ts';
import type { CatalogueWrites } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { assignments } from '../clauses.ts';
import type { Sql } from './sql.ts';

export function liveServices(sql: Sql): Promise<Service[]> {
  return sql.all<Service>('SELECT ref, name, cost, environment FROM services WHERE deleted_at IS NULL ORDER BY name');
}

export class PostgresCatalogue implements CatalogueWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  services(): Promise<readonly Service[]> {
    return liveServices(this.#sql);
  }

  servicesEver(): Promise<readonly Service[]> {
    return this.#sql.all<Service>('SELECT ref, name, cost, environment FROM services ORDER BY ref');
  }

  environments(): Promise<readonly Environment[]> {
    return this.#sql.all<Environment>('SELECT name, code FROM environments ORDER BY place');
  }

  async insertService(service: Omit<Service, 'ref'>): Promise<void> {
    const values = [service.name, service.cost, service.environment];
    await this.#sql.run('INSERT INTO services (name, cost, environment) VALUES (?, ?, ?)', ...values);
  }

  async updateService(ref: Ref, patch: Partial<Pick<Service, 'cost' | 'environment'>>): Promise<void> {
    const set = assignments({ cost: patch.cost, environment: patch.environment });
    if (set !== null) await this.#sql.run(`UPDATE services SET ${set.text} WHERE ref = ?`, ...set.values, ref);
  }

  async deleteService(ref: Ref, at: Instant): Promise<void> {
    await this.#sql.run('UPDATE services SET deleted_at = ? WHERE ref = ?', at, ref);
  }

  async insertEnvironment(environment: Environment): Promise<void> {
    await this.#sql.run('INSERT INTO environments (name, code) VALUES (?, ?)', environment.name, environment.code);
  }

  async deleteEnvironment(name: string): Promise<void> {
    await this.#sql.run('DELETE FROM environments WHERE name = ?', name);
  }
}
