import { KeyctlError } from '../domain/error.ts';
import type { Environment } from '../domain/entities.ts';
import { didYouMean } from '../domain/nearest.ts';
import type { ReadTransaction } from '../domain/store.ts';

/** An environment by its name or its code. Throws `not_found` with what there is. */
export async function findEnvironment(tx: ReadTransaction, reference: string): Promise<Environment> {
  const environments = await tx.catalogue.environments();
  const found = environments.find(({ name, code }) => name === reference || code === reference);
  if (found !== undefined) return found;
  const known = environments.map(({ name, code }) => `${name} (${code})`).join(', ');
  throw new KeyctlError('not_found', 'There is no such environment.', {
    hint: `${didYouMean(
      reference,
      environments.map(({ name }) => name),
    )}There are: ${known}. Add one with: keyctl env create`,
  });
}

/** Throws `not_found` for a name that is no live service. */
export async function checkServicesExist(tx: ReadTransaction, names: readonly string[]): Promise<void> {
  const services = await tx.catalogue.services();
  if (names.every((name) => services.some((service) => service.name === name))) return;
  const known = services.map(({ name }) => name).join(', ');
  throw new KeyctlError('not_found', 'There is no such service.', { hint: `There are: ${known}. Add one with: keyctl service create` });
}
