import { creditsOn, type CreditsFrom, type Service, type Tier } from '../domain/entities.ts';
import type { Actor, AuditEntry, ReadTransaction, WriteTransaction } from '../domain/store.ts';
import { dayOf, formatDay, type Instant, type UtcDay } from '../domain/utc-day.ts';
import { sameLimits } from './apply-limits.ts';
import { serviceJson } from './find-service.ts';

/** One part of the catalogue or the settings that is to be as in a backup. */
export interface CatalogueBack {
  readonly kind: 'tier' | 'service' | 'environment' | 'config';
  readonly name: string;
  readonly before: AuditEntry['before'];
  readonly after: AuditEntry['after'];
  readonly apply: (tx: WriteTransaction) => Promise<void>;
}

const ACTION_OF = {
  tier: 'tier.restore',
  service: 'service.restore',
  environment: 'env.restore',
  config: 'config.restore',
} as const satisfies Record<CatalogueBack['kind'], string>;

/**
 * Compares the catalogue and the settings of a store with those of a backup that it went on from. Tiers, environments and settings are to
 * be as in the backup, a tier's daily credits from tomorrow. A service is to cost what it did; one that was deleted, or bound to an
 * environment, stays so. Whatever was made since stays.
 */
export async function compareCatalogue(current: ReadTransaction, backup: ReadTransaction, now: Instant): Promise<readonly CatalogueBack[]> {
  const gone = await environments(current, backup);
  const known = new Set([...(await current.catalogue.environments()), ...gone].map(({ name }) => name));
  return [
    ...gone,
    ...(await tiers(current, backup, dayOf(now) + 1)),
    ...(await services(current, backup, known)),
    ...(await settings(current, backup, now)),
  ];
}

export async function putBackPart(
  tx: WriteTransaction,
  part: CatalogueBack,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Promise<void> {
  const { kind, name, before, after } = part;
  await part.apply(tx);
  await tx.audit.append({
    ...{ at: now, actor, action: ACTION_OF[kind], targetKind: kind, targetId: name, targetName: name },
    ...{ before, after },
  });
}

async function environments(current: ReadTransaction, backup: ReadTransaction): Promise<CatalogueBack[]> {
  const known = await current.catalogue.environments();
  const gone = (await backup.catalogue.environments()).filter(
    ({ name, code }) => !known.some((environment) => environment.name === name || environment.code === code),
  );
  return gone.map((environment) => ({
    ...{ kind: 'environment', name: environment.name, before: null, after: { ...environment } },
    apply: (tx) => tx.catalogue.insertEnvironment(environment),
  }));
}

async function tiers(current: ReadTransaction, backup: ReadTransaction, tomorrow: UtcDay): Promise<CatalogueBack[]> {
  const live = new Map((await current.tiers.all()).map((tier) => [tier.name, tier]));
  const back: CatalogueBack[] = [];
  for (const then of await backup.tiers.all()) {
    const now = live.get(then.name) ?? null;
    const same =
      now !== null && sameLimits(now.limits, then.limits) && JSON.stringify(from(now, tomorrow)) === JSON.stringify(from(then, tomorrow));
    if (same) continue;
    back.push({
      ...{ kind: 'tier', name: then.name, before: now === null ? null : tierJson(now, tomorrow), after: tierJson(then, tomorrow) },
      apply: (tx) => writeTier(tx, then, tomorrow, now),
    });
  }
  return back;
}

/** What a tier gives from a day on. */
function from(tier: Tier, day: UtcDay): readonly CreditsFrom[] {
  return [{ from: day, credits: creditsOn(tier, day) }, ...tier.credits.filter((entry) => entry.from > day)];
}

function tierJson(tier: Tier, day: UtcDay): Record<string, unknown> {
  return { dailyCredits: creditsOn(tier, day), from: formatDay(day), limits: Object.fromEntries(tier.limits) };
}

async function writeTier(tx: WriteTransaction, tier: Tier, tomorrow: UtcDay, now: Tier | null): Promise<void> {
  const [first, ...later] = from(tier, tomorrow);
  if (first === undefined) return;
  // Where today's credits are what they shall be, nothing begins tomorrow: what was to begin is dropped.
  const since = now !== null && creditsOn(now, tomorrow - 1) === first.credits ? tomorrow - 1 : tomorrow;
  if (now === null) await tx.tiers.insert(tier.name, first.credits, tomorrow);
  else await tx.tiers.setCredits(tier.name, since, first.credits);
  for (const entry of later) await tx.tiers.setCredits(tier.name, entry.from, entry.credits);
  await tx.tiers.setLimits(tier.name, tier.limits);
}

async function services(current: ReadTransaction, backup: ReadTransaction, known: ReadonlySet<string>): Promise<CatalogueBack[]> {
  const live = new Map((await current.catalogue.services()).map((service) => [service.ref, service]));
  const back: CatalogueBack[] = [];
  for (const then of await backup.catalogue.services()) {
    const now = live.get(then.ref);
    if (now?.name !== then.name) continue;
    const bound = then.environment !== null && known.has(then.environment) ? then.environment : null;
    const wanted: Service = { ...now, cost: then.cost, environment: now.environment ?? bound };
    if (wanted.cost === now.cost && wanted.environment === now.environment) continue;
    back.push({
      ...{ kind: 'service', name: now.name, before: serviceJson(now), after: serviceJson(wanted) },
      apply: (tx) => tx.catalogue.updateService(now.ref, { cost: wanted.cost, environment: wanted.environment }),
    });
  }
  return back;
}

async function settings(current: ReadTransaction, backup: ReadTransaction, at: Instant): Promise<CatalogueBack[]> {
  const [now, then] = [await current.config.all(), await backup.config.all()];
  const names = [...new Set([...now.keys(), ...then.keys()])].filter((name) => now.get(name) !== then.get(name));
  const back = names.map((name): CatalogueBack => {
    const value = then.get(name);
    return {
      ...{ kind: 'config', name, before: { value: now.get(name) ?? null }, after: { value: value ?? null } },
      apply: (tx) => (value === undefined ? tx.config.unset(name) : tx.config.set(name, value)),
    };
  });
  const [prefix, former] = [(await current.config.prefixes()).at(-1), (await backup.config.prefixes()).at(-1)];
  if (former === undefined || former === prefix) return back;
  const change = { kind: 'config', name: 'key-prefix', before: { value: prefix ?? null }, after: { value: former } } as const;
  // Keys that were made since have the other one, which stays valid.
  return [...back, { ...change, apply: (tx) => tx.config.addPrefix(former, at) }];
}
