import { parseCredits } from '../../domain/credits.ts';
import {
  BUILT_IN_ENVIRONMENTS,
  BUILT_IN_TIERS,
  DEFAULT_ACCOUNT,
  DEFAULT_ENVIRONMENT,
  DEFAULT_KEY_PREFIX,
  DEFAULT_TIER,
} from '../../domain/defaults.ts';
import type { Environment } from '../../domain/entities.ts';
import { usageError } from '../../domain/error.ts';
import { checkEnvironmentCode, checkKeyName, checkKeyPrefix, checkName } from '../../domain/names.ts';
import type { CreateTier } from '../../operations/create-tier.ts';
import type { Beginning } from '../../operations/initialise-store.ts';
import { list, missing, option } from '../call.ts';
import { readLimits } from '../tier/limit-options.ts';

type Options = Readonly<Record<string, unknown>>;

/** What the flags say, and the defaults for the rest; a key has no name but the one that somebody gives it. Throws `usage`. */
export function readBeginning(options: Options): Beginning {
  const name = option(options, 'name');
  if (name === undefined) throw missing('--name', 'the first key has a name');
  const environments = (list(options, 'addEnv') ?? []).map(readEnvironment);
  const tiers = (list(options, 'addTier') ?? []).map(readTier);
  return {
    prefix: checkKeyPrefix(option(options, 'prefix') ?? DEFAULT_KEY_PREFIX),
    environments,
    tiers,
    account: checkName('account', option(options, 'account') ?? DEFAULT_ACCOUNT),
    tier: oneOf('tier', option(options, 'tier') ?? DEFAULT_TIER, tierNames(tiers)),
    key: {
      name: checkKeyName(name),
      environment: oneOf('environment', option(options, 'env') ?? DEFAULT_ENVIRONMENT, environmentWords(environments)),
    },
  };
}

function tierNames(added: readonly { readonly name: string }[]): readonly string[] {
  return [...BUILT_IN_TIERS, ...added].map(({ name }) => name);
}

/** Names and codes. */
function environmentWords(added: readonly Environment[]): readonly string[] {
  return [...BUILT_IN_ENVIRONMENTS, ...added].flatMap(({ name, code }) => [name, code]);
}

function oneOf(kind: string, text: string, known: readonly string[]): string {
  if (known.includes(text)) return text;
  throw usageError(
    `--${kind === 'environment' ? 'env' : kind} names no ${kind} that there would be.`,
    `There would be: ${known.join(', ')}.`,
  );
}

/** `staging=stage` */
function readEnvironment(text: string): Environment {
  const [name = '', code, ...rest] = text.split('=');
  if (code === undefined || rest.length > 0)
    throw usageError('--add-env cannot be read.', 'Write its name and code: --add-env staging=stage.');
  return checkEnvironment({ name: checkName('environment', name), code: checkEnvironmentCode(code) });
}

/** The store refuses these as well; said before anything is made. */
export function checkEnvironment(environment: Environment): Environment {
  const known = environmentWords([]);
  if (!known.includes(environment.name) && !known.includes(environment.code)) return environment;
  throw usageError('Such an environment is there from the start.', `There are: ${known.join(', ')}.`);
}

/** `gold=500000`, or with a rate `gold=500000@20/s` */
function readTier(text: string): CreateTier {
  const [name = '', rest, ...more] = text.split('=');
  const [credits = '', rate] = (rest ?? '').split('@');
  if (rest === undefined || more.length > 0)
    throw usageError('--add-tier cannot be read.', 'Write its name, its daily credits and its rate: --add-tier gold=500000@20/s.');
  return newTier(name, credits, rate);
}

export function newTier(name: string, credits: string, rate: string | undefined): CreateTier {
  const checked = checkTierName(name);
  return {
    name: checked,
    dailyCredits: parseCredits("the tier's daily credits", credits),
    limits: rate === undefined ? [] : readLimits({ rate }),
  };
}

export function checkTierName(name: string): string {
  const checked = checkName('tier', name);
  if (!tierNames([]).includes(checked)) return checked;
  throw usageError(
    'Such a tier is there from the start.',
    `There are: ${tierNames([]).join(', ')}. Change one later with keyctl tier edit.`,
  );
}
