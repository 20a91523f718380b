import type { ReadTransaction } from '../domain/store.ts';
import { findService } from './find-service.ts';

/** Checks the name of a service that is, or that was: its past traffic still has it. Throws `not_found` with those that are. */
export async function checkServiceEver(tx: ReadTransaction, name: string): Promise<void> {
  const ever = await tx.catalogue.servicesEver();
  if (!ever.some((service) => service.name === name)) await findService(tx, name);
}
