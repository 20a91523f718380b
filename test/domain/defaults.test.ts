import { expect, test } from '@jest/globals';
import {
  BUILT_IN_ENVIRONMENTS,
  BUILT_IN_SERVICES,
  BUILT_IN_TIERS,
  DEFAULT_ACCOUNT,
  DEFAULT_ENVIRONMENT,
  DEFAULT_KEY_PREFIX,
  DEFAULT_SERVICE,
  DEFAULT_TIER,
} from '../../src/domain/defaults.ts';
import { checkEnvironmentCode, checkKeyPrefix, isName } from '../../src/domain/names.ts';

test('a new store has the tiers of the contract', () => {
  expect(BUILT_IN_TIERS.map((tier) => [tier.name, tier.requestsPerSecond, tier.dailyCredits])).toEqual([
    ['free', 5, 100_000],
    ['standard', 10, 300_000],
    ['startup', 20, 1_000_000],
    ['advanced', 30, 3_000_000],
    ['professional', 40, 10_000_000],
  ]);
});

test('a new store has the environments of the contract, and one service that costs 100', () => {
  expect(BUILT_IN_ENVIRONMENTS.map(({ name, code }) => [name, code])).toEqual([
    ['development', 'dev'],
    ['qa', 'qa'],
    ['production', 'prod'],
  ]);
  expect(BUILT_IN_SERVICES).toEqual([{ name: 'default', cost: 100, environment: null }]);
});

test('what it begins with can be said in its own words', () => {
  for (const { name } of [...BUILT_IN_TIERS, ...BUILT_IN_SERVICES, ...BUILT_IN_ENVIRONMENTS]) expect(isName(name)).toBe(true);
  for (const name of [DEFAULT_ACCOUNT, DEFAULT_TIER, DEFAULT_SERVICE, DEFAULT_ENVIRONMENT]) expect(isName(name)).toBe(true);
  for (const { code } of BUILT_IN_ENVIRONMENTS) expect(checkEnvironmentCode(code)).toBe(code);
  expect(checkKeyPrefix(DEFAULT_KEY_PREFIX)).toBe('kc');
  expect(BUILT_IN_TIERS.map(({ name }) => name)).toContain(DEFAULT_TIER);
  expect(BUILT_IN_ENVIRONMENTS.map(({ name }) => name)).toContain(DEFAULT_ENVIRONMENT);
});
