import { KINDS } from '../domain/archive.ts';
import { readRow } from '../domain/archive-fields.ts';
import { creditsOn, type Environment } from '../domain/entities.ts';
import type { Store } from '../domain/store.ts';
import { dayOf } from '../domain/utc-day.ts';
import { createEnvironment } from './create-environment.ts';
import { createService, type CreateService } from './create-service.ts';
import { createTier, type CreateTier } from './create-tier.ts';
import type { Known } from './check-lines.ts';
import type { Importer } from './import-file.ts';
import { ColumnError } from './import-line.ts';

/** The environments, services and tiers of an export of keys: those that the store does not have are made before the keys. */
export class CatalogueLines {
  readonly #codes: Map<string, string>;
  readonly #names: Map<string, string>;
  readonly #services: Set<string>;
  readonly #tiers: Set<string>;
  readonly #today: number;
  readonly #environments: Environment[] = [];
  readonly #newServices: CreateService[] = [];
  readonly #newTiers: CreateTier[] = [];

  static async over(store: Store): Promise<CatalogueLines> {
    return store.read(
      async (tx, now) =>
        new CatalogueLines(
          await tx.catalogue.environments(),
          (await tx.catalogue.services()).map(({ name }) => name),
          (await tx.tiers.all()).map(({ name }) => name),
          dayOf(now),
        ),
    );
  }

  private constructor(environments: readonly Environment[], services: readonly string[], tiers: readonly string[], today: number) {
    this.#codes = new Map(environments.map(({ name, code }) => [name, code]));
    this.#names = new Map(environments.flatMap(({ name, code }) => [[code, name] as const, [name, name] as const]));
    this.#services = new Set(services);
    this.#tiers = new Set(tiers);
    this.#today = today;
  }

  /** What lines may name: what the store has, and what is made. */
  get known(): Omit<Known, 'prefixes'> {
    return { environments: this.#names, services: this.#services, tiers: this.#tiers };
  }

  get counts(): { readonly tiers: number; readonly services: number; readonly environments: number } {
    return { tiers: this.#newTiers.length, services: this.#newServices.length, environments: this.#environments.length };
  }

  /** Takes note of a line. Returns false for one that is none of these. Throws `usage` or ColumnError. */
  take(record: Readonly<Record<string, unknown>>): boolean {
    switch (record['type']) {
      case 'environment':
        this.#environment(readRow(KINDS.environment, record));
        return true;
      case 'service':
        this.#service(readRow(KINDS.service, record));
        return true;
      case 'tier': {
        const { name, credits, limits } = readRow(KINDS.tier, record);
        if (this.#tiers.has(name)) return true;
        this.#tiers.add(name);
        const edits = limits.map(({ service, requestsPerSecond, burst }) => ({ service, rate: requestsPerSecond, burst }));
        this.#newTiers.push({ name, dailyCredits: creditsOn({ credits }, this.#today), limits: edits });
        return true;
      }
      default:
        return false;
    }
  }

  #environment({ name, code }: Environment): void {
    const known = this.#codes.get(name);
    if (known === code) return;
    if (known !== undefined || this.#names.has(code))
      throw new ColumnError('code', 'The store has that environment with another code, or that code.');
    this.#codes.set(name, code);
    this.#names.set(code, name).set(name, name);
    this.#environments.push({ name, code });
  }

  #service({ name, cost, environment }: CreateService): void {
    if (this.#services.has(name)) return;
    this.#services.add(name);
    this.#newServices.push({ name, cost, environment });
  }

  /** Makes what is missing; what was made stays when the keys are taken back. */
  async make({ store, actor }: Importer): Promise<void> {
    for (const environment of this.#environments) await createEnvironment(store, environment, actor);
    for (const service of this.#newServices) await createService(store, service, actor);
    for (const tier of this.#newTiers) await createTier(store, tier, actor);
  }
}
