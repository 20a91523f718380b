import { KeyctlError } from '../domain/error.ts';
import type { Service } from '../domain/entities.ts';
import { didYouMean } from '../domain/nearest.ts';
import type { ReadTransaction } from '../domain/store.ts';

/** The fields of a service's JSON. */
export const SERVICE_FIELDS = ['name', 'cost', 'environment'] as const;

export function serviceJson({ name, cost, environment }: Omit<Service, 'ref'>): Record<string, unknown> {
  return { name, cost, environment };
}

/** A live service by its name. Throws `not_found` with those that there are; the text itself is not repeated. */
export async function findService(tx: ReadTransaction, name: string): Promise<Service> {
  const services = await tx.catalogue.services();
  const service = services.find((candidate) => candidate.name === name);
  if (service !== undefined) return service;
  const known = services.map((candidate) => candidate.name).join(', ');
  throw new KeyctlError('not_found', 'There is no such service.', {
    hint: `${didYouMean(
      name,
      services.map((candidate) => candidate.name),
    )}There are: ${known}. Add one with: keyctl service create`,
  });
}
