import { DEFAULT_COST } from './credits.ts';
import type { Environment } from './entities.ts';

/** What a new store begins with. */
export const DEFAULT_ACCOUNT = 'default';
export const DEFAULT_SERVICE = 'default';
export const DEFAULT_TIER = 'free';
export const DEFAULT_ENVIRONMENT = 'production';
export const DEFAULT_KEY_PREFIX = 'kc';

export const BUILT_IN_ENVIRONMENTS: readonly Environment[] = [
  { name: 'development', code: 'dev' },
  { name: 'qa', code: 'qa' },
  { name: 'production', code: 'prod' },
];

export const BUILT_IN_SERVICES = [{ name: DEFAULT_SERVICE, cost: DEFAULT_COST, environment: null }] as const;

/** Limits once published for the service that the model comes from, at 100 credits a request. Burst equals the rate. */
export const BUILT_IN_TIERS = [
  { name: DEFAULT_TIER, dailyCredits: 100_000, requestsPerSecond: 5 },
  { name: 'standard', dailyCredits: 300_000, requestsPerSecond: 10 },
  { name: 'startup', dailyCredits: 1_000_000, requestsPerSecond: 20 },
  { name: 'advanced', dailyCredits: 3_000_000, requestsPerSecond: 30 },
  { name: 'professional', dailyCredits: 10_000_000, requestsPerSecond: 40 },
] as const;
