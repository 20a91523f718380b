import { KeyctlError } from '../domain/error.ts';
import type { Tier } from '../domain/entities.ts';
import { didYouMean } from '../domain/nearest.ts';
import type { ReadTransaction } from '../domain/store.ts';

/** A tier that is not deleted, by its name. Throws `not_found` with those that there are; the text itself is not repeated. */
export async function findTier(tx: ReadTransaction, name: string): Promise<Tier> {
  const tiers = await tx.tiers.all();
  const tier = tiers.find((candidate) => candidate.name === name);
  if (tier !== undefined) return tier;
  const known = tiers.map((candidate) => candidate.name).join(', ');
  throw new KeyctlError('not_found', 'There is no such tier.', {
    hint: `${didYouMean(
      name,
      tiers.map((candidate) => candidate.name),
    )}There are: ${known}. Add one with: keyctl tier create`,
  });
}
