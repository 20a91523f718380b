import { holding, isLive, statusAt, type Model, type ModelAccount, type ModelKey, type ModelRate, type ModelTier } from './model.ts';

// What an operator does, in the model. Each returns `none`, or the code of the failure that it is; then nothing has changed.

export type Outcome = 'none' | 'not_found' | 'already_exists' | 'conflict' | 'usage' | 'refund_window_closed';

const DAY_MS = 86_400_000;

export interface NewKeyFacts {
  readonly ref: number;
  readonly id: string;
  readonly name: string;
  readonly environment: string;
  readonly expiresAt: number | null;
  readonly services: readonly string[];
  readonly allowedIps: readonly string[];
  readonly cap: number | null;
}

function liveNamed(model: Model, account: ModelAccount, name: string): ModelKey | undefined {
  return model.keys.find((key) => isLive(key) && key.account === account && key.name === name);
}

export function mayCreateKey(model: Model, account: ModelAccount, name: string, services: readonly string[]): Outcome {
  if (services.some((service) => model.service(service) === undefined)) return 'not_found';
  return liveNamed(model, account, name) === undefined ? 'none' : 'already_exists';
}

export function createKey(model: Model, account: ModelAccount, { cap, ...facts }: NewKeyFacts): void {
  const blank = { rotatedFrom: null, rotatedTo: null, disabledAt: null, deletedAt: null };
  model.keys.push({ ...facts, ...blank, account, createdAt: model.now, chain: { cap } });
}

export function mayRotate(model: Model, key: ModelKey): Outcome {
  if (!isLive(key)) return 'not_found';
  return key.rotatedTo !== null || statusAt(key, model.now) !== 'active' ? 'conflict' : 'none';
}

/** The successor takes over everything but the secret; the old key makes way with its name. */
export function rotate(model: Model, old: ModelKey, grace: number, successor: { readonly ref: number; readonly id: string }): void {
  const { account, environment, name, chain, services, allowedIps } = old;
  const { now } = model;
  const expiresAt = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt);
  let number = 1;
  while (liveNamed(model, account, `${name}~${String(number)}`) !== undefined) number += 1;
  old.name = `${name}~${String(number)}`;
  old.expiresAt = old.expiresAt === null ? now + grace : Math.min(old.expiresAt, now + grace);
  if (grace === 0) old.disabledAt = now;
  const key: ModelKey = {
    ...{ ...successor, account, environment, name, chain, services, allowedIps, expiresAt, createdAt: now },
    ...{ rotatedFrom: old, rotatedTo: null, disabledAt: null, deletedAt: null },
  };
  old.rotatedTo = key;
  model.keys.push(key);
}

export function disable(model: Model, key: ModelKey, only: boolean): Outcome {
  if (!isLive(key)) return 'not_found';
  key.disabledAt ??= model.now;
  for (let other = key.rotatedFrom; other !== null && !only; other = other.rotatedFrom) {
    if (statusAt(other, model.now) === 'active') other.disabledAt = model.now;
  }
  return 'none';
}

export function enable(key: ModelKey): Outcome {
  if (!isLive(key)) return 'not_found';
  key.disabledAt = null;
  return 'none';
}

export function deleteKey(model: Model, key: ModelKey): Outcome {
  if (!isLive(key)) return 'not_found';
  key.deletedAt = model.now;
  return 'none';
}

export function rename(model: Model, key: ModelKey, name: string): Outcome {
  if (!isLive(key)) return 'not_found';
  if (name !== key.name && liveNamed(model, key.account, name) !== undefined) return 'already_exists';
  key.name = name;
  return 'none';
}

export interface KeyEdits {
  readonly expiresAt?: number | null;
  readonly services?: readonly string[];
  readonly allowedIps?: readonly string[];
  readonly dailyCap?: number | null;
}

export function editKey(model: Model, key: ModelKey, { expiresAt, services, allowedIps, dailyCap }: KeyEdits): Outcome {
  if (!isLive(key) || services?.some((service) => model.service(service) === undefined) === true) return 'not_found';
  if (expiresAt !== undefined) key.expiresAt = expiresAt;
  if (services !== undefined) key.services = services;
  if (allowedIps !== undefined) key.allowedIps = allowedIps;
  if (dailyCap !== undefined) key.chain.cap = dailyCap;
  return 'none';
}

export function setTier(model: Model, account: ModelAccount, name: string, timing: 'by-credits' | 'now' | 'at-reset'): Outcome {
  const wanted = model.tiers.find((tier) => tier.name === name && !tier.deleted);
  if (wanted === undefined) return 'not_found';
  const { today } = model;
  const current = model.tierOn(account, today);
  const creditsToday = (tier: ModelTier): number => holding(tier.credits, today).credits;
  if (wanted === current) {
    model.regranting(() => (account.tiers = account.tiers.filter(({ from }) => from <= today)));
    return 'none';
  }
  const atOnce = timing === 'now' || (timing === 'by-credits' && creditsToday(wanted) >= creditsToday(current));
  const from = atOnce ? today : today + 1;
  const waiting = account.tiers.find((entry) => entry.from > today);
  // The very change waits already, and has been decided then.
  if (waiting?.from === from && waiting.tier === name && waiting === account.tiers.at(-1)) return 'none';
  const kept = account.tiers.filter((entry) => entry.from < from);
  model.regranting(() => (account.tiers = [...kept, { from, tier: name, decidedAt: model.now }]));
  return 'none';
}

export function editTierCredits(model: Model, name: string, credits: number, now: boolean): Outcome {
  const tier = model.tiers.find((found) => found.name === name && !found.deleted);
  if (tier === undefined) return 'not_found';
  const from = model.today + (now ? 0 : 1);
  const before = tier.credits.filter((entry) => entry.from < from);
  const after = now ? tier.credits.filter((entry) => entry.from > from) : [];
  const history = [...before, { from, credits }, ...after];
  // What repeats the entry before it is no change, now or later.
  const changes = history.filter((entry, place) => entry.from < model.today || entry.credits !== history[place - 1]?.credits);
  model.regranting(() => (tier.credits = changes));
  return 'none';
}

export function createTier(model: Model, name: string, credits: number): Outcome {
  const former = model.tiers.find((tier) => tier.name === name);
  if (former === undefined) {
    model.tiers.push({ name, credits: [{ from: 0, credits }], limits: new Map(), deleted: false });
    return 'none';
  }
  if (!former.deleted) return 'already_exists';
  former.deleted = false;
  former.limits = new Map();
  former.credits = [...former.credits.filter(({ from }) => from < model.today), { from: model.today, credits }];
  return 'none';
}

export function deleteTier(model: Model, name: string): Outcome {
  const tier = model.tiers.find((found) => found.name === name && !found.deleted);
  if (tier === undefined) return 'not_found';
  const hasOrAwaits = model.accounts.some(
    ({ tiers }) => holding(tiers, model.today).tier === name || tiers.some((entry) => entry.from > model.today && entry.tier === name),
  );
  if (hasOrAwaits) return 'conflict';
  tier.deleted = true;
  return 'none';
}

export function deleteService(model: Model, name: string): Outcome {
  const service = model.service(name);
  if (service === undefined) return 'not_found';
  const named =
    model.keys.some((key) => isLive(key) && key.services.includes(name)) ||
    model.tiers.some((tier) => !tier.deleted && tier.limits.has(name));
  if (name === 'default' || named) return 'conflict';
  service.deleted = true;
  return 'none';
}

export function credit(model: Model, account: ModelAccount, amount: number, day: number): Outcome {
  if (day < model.today) return 'usage';
  if (model.remaining(account, day) + amount < 0) return 'conflict';
  if (day === model.today) model.open(account, day);
  model.adjustments.push({ account, day, amount });
  return 'none';
}

export function refund(model: Model, number: number, byShell: boolean): Outcome {
  const debit = model.debits.find((found) => found.number === number && !found.pruned);
  if (debit === undefined) return 'not_found';
  if (debit.refundedAt !== null) return 'none';
  if (!byShell && model.now - debit.at > DAY_MS) return 'refund_window_closed';
  debit.refundedAt = model.now;
  return 'none';
}

export function editTierLimit(model: Model, name: string, service: string, limit: ModelRate | null): Outcome {
  const tier = model.tiers.find((found) => found.name === name && !found.deleted);
  if (tier === undefined || (service !== '*' && model.service(service) === undefined)) return 'not_found';
  const others = [...tier.limits].filter(([of]) => of !== service);
  tier.limits = new Map(limit === null ? others : [...others, [service, limit]]);
  return 'none';
}
