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
import { grouped } from '../../domain/grouped.ts';
import { checkEnvironmentCode, checkKeyName, checkKeyPrefix, checkName } from '../../domain/names.ts';
import type { CreateTier } from '../../operations/create-tier.ts';
import type { Beginning } from '../../operations/initialise-store.ts';
import type { Marks } from '../../terminal/glyphs.ts';
import type { Prompts } from '../../terminal/prompts.ts';
import { facts, type Paint } from '../../terminal/style.ts';
import { cancelled } from '../call.ts';
import { readLimits } from '../tier/limit-options.ts';
import { checkEnvironment, checkTierName, newTier } from './options.ts';

export interface Asking {
  readonly prompts: Prompts;
  /** Says something between two questions. */
  readonly tell: (text: string) => void;
  readonly paint: Paint;
  readonly marks: Marks;
  /** How wide a line may be. */
  readonly places: number;
  /** Where the store is going to be. */
  readonly location: string;
}

/** Asks a person for everything, shows it, and asks once more; nothing is written until all of it is answered. */
export async function askBeginning({ prompts, tell, paint, marks, places, location }: Asking): Promise<Beginning> {
  tell(`This begins a store at ${location}.\nNothing is written before your last answer; Ctrl-C leaves no trace.\n`);
  const prefix = await prompts.ask(`Prefix of your keys, as in kc_prod_${marks.cut}`, checkKeyPrefix, DEFAULT_KEY_PREFIX);
  const environments = await askEnvironments(prompts);
  const tiers = await askTiers(prompts);
  const account = await prompts.ask('Name of the first account', (text) => checkName('account', text), DEFAULT_ACCOUNT);
  const tier = await prompts.choose('Its tier', tierChoices(tiers), DEFAULT_TIER);
  const name = await prompts.ask('Name of its first key', checkKeyName, 'prod');
  const environment = await prompts.choose('Environment of that key', environmentChoices(environments), DEFAULT_ENVIRONMENT);
  const beginning = { prefix, environments, tiers, account, tier, key: { name, environment } };
  tell(`\n${summary(beginning, { location, paint, marks, places })}\n`);
  if (!(await prompts.confirm('Make it so?'))) throw cancelled();
  return beginning;
}

async function askEnvironments(prompts: Prompts): Promise<readonly Environment[]> {
  const added: Environment[] = [];
  const named = (): string => [...BUILT_IN_ENVIRONMENTS, ...added].map(({ name }) => name).join(', ');
  while (await prompts.confirm(`Environments are ${named()}. Add one?`)) {
    const name = await prompts.ask('Its name', (text) => checkEnvironment({ name: checkName('environment', text), code: '' }).name);
    const code = await prompts.ask(
      'What stands for it in a key',
      (text) => checkEnvironment({ name, code: checkEnvironmentCode(text) }).code,
    );
    added.push({ name, code });
  }
  return added;
}

async function askTiers(prompts: Prompts): Promise<readonly CreateTier[]> {
  const added: CreateTier[] = [];
  const named = (): string => [...BUILT_IN_TIERS, ...added].map(({ name }) => name).join(', ');
  while (await prompts.confirm(`Tiers are ${named()}. Add one?`)) {
    const name = await prompts.ask('Its name', checkTierName);
    const credits = await prompts.ask('Its daily credits (a request costs 100)', (text) => String(parseCredits('That', text)), '100000');
    const rate = await prompts.ask('Its requests per second, or none', (text) => (readLimits({ rate: text }), text), '10/s');
    added.push(newTier(name, credits, rate === 'none' ? undefined : rate));
  }
  return added;
}

interface LabelledTier {
  readonly name: string;
  readonly dailyCredits: number;
}

function tierChoices(added: readonly CreateTier[]): readonly { label: string; value: string }[] {
  const all: readonly LabelledTier[] = [...BUILT_IN_TIERS, ...added];
  const width = Math.max(...all.map(({ name }) => name.length));
  return all.map(({ name, dailyCredits }) => ({ label: `${name.padEnd(width)}  ${grouped(dailyCredits)} credits a day`, value: name }));
}

function environmentChoices(added: readonly Environment[]): readonly { label: string; value: string }[] {
  return [...BUILT_IN_ENVIRONMENTS, ...added].map(({ name, code }) => ({ label: `${name} (${code})`, value: name }));
}

function summary(
  { prefix, environments, tiers, account, tier, key }: Beginning,
  { location, paint, marks, places }: Pick<Asking, 'location' | 'paint' | 'marks' | 'places'>,
): string {
  return facts(
    [
      ['Store', location],
      ['Keys', `${prefix}_${marks.cut}`],
      ['Environments', [...BUILT_IN_ENVIRONMENTS, ...environments].map(({ name }) => name).join(', ')],
      ['Tiers', [...BUILT_IN_TIERS, ...tiers].map(({ name }) => name).join(', ')],
      ['Account', `${account}, on ${tier}`],
      ['Key', `${account}/${key.name}, ${key.environment}`],
    ],
    paint,
    places,
  );
}
