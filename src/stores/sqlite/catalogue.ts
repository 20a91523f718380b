import type { Environment, Ref, Service } from '../../domain/entities.ts';
import type { CatalogueWrites } from '../../domain/store.ts';
import type { Instant } from '../../domain/utc-day.ts';
import { assignments } from '../clauses.ts';
import type { Sql } from './sql.ts';

export function liveServices(sql: Sql): Service[] {
  return sql.all<Service>('SELECT ref, name, cost, environment FROM services WHERE deleted_at IS NULL ORDER BY name');
}

export class SqliteCatalogue implements CatalogueWrites {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async services(): Promise<readonly Service[]> {
    return liveServices(this.#sql);
  }

  async servicesEver(): Promise<readonly Service[]> {
    return this.#sql.all<Service>('SELECT ref, name, cost, environment FROM services ORDER BY ref');
  }

  async environments(): Promise<readonly Environment[]> {
    return this.#sql.all<Environment>('SELECT name, code FROM environments ORDER BY rowid');
  }

  async insertService(service: Omit<Service, 'ref'>): Promise<void> {
    this.#sql.run('INSERT INTO services (name, cost, environment) VALUES (?, ?, ?)', service.name, service.cost, service.environment);
  }

  async updateService(ref: Ref, patch: Partial<Pick<Service, 'cost' | 'environment'>>): Promise<void> {
    const set = assignments({ cost: patch.cost, environment: patch.environment });
    if (set !== null) this.#sql.run(`UPDATE services SET ${set.text} WHERE ref = ?`, ...set.values, ref);
  }

  async deleteService(ref: Ref, at: Instant): Promise<void> {
    this.#sql.run('UPDATE services SET deleted_at = ? WHERE ref = ?', at, ref);
  }

  async insertEnvironment(environment: Environment): Promise<void> {
    this.#sql.run('INSERT INTO environments VALUES (?, ?)', environment.name, environment.code);
  }

  async deleteEnvironment(name: string): Promise<void> {
    this.#sql.run('DELETE FROM environments WHERE name = ?', name);
  }
}
