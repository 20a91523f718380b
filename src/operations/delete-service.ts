import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Actor, Store, WriteTransaction } from '../domain/store.ts';
import { findService, serviceJson } from './find-service.ts';

/** Deletes a service; its past usage keeps its name. Throws `not_found`, or `conflict` for `default` and while keys or limits name it. */
export function deleteService(store: Store, name: string, actor: Actor): Promise<void> {
  return store.write(async (tx, now) => {
    const service = await findService(tx, name);
    await checkUnused(tx, service.name);
    // The row stays for the sake of its usage, and must not hold on to an environment that is to go.
    if (service.environment !== null) await tx.catalogue.updateService(service.ref, { environment: null });
    await tx.catalogue.deleteService(service.ref, now);
    await tx.audit.append({
      ...{ at: now, actor, action: 'service.delete', targetKind: 'service', targetId: service.name, targetName: service.name },
      before: serviceJson(service),
      after: null,
    });
  });
}

async function checkUnused(tx: WriteTransaction, name: string): Promise<void> {
  if (name === DEFAULT_SERVICE) {
    throw new KeyctlError('conflict', `The service ${DEFAULT_SERVICE} is what a request without a service asks for; it stays.`);
  }
  const keys = await tx.keys.countNamingService(name);
  if (keys > 0) {
    throw new KeyctlError('conflict', `${keys === 1 ? 'A key may' : `${String(keys)} keys may`} call ${name} and name it.`, {
      hint: 'Change their services first: keyctl edit <key> --any-service, or --service for each that stays',
    });
  }
  if ((await tx.tiers.countNamingService(name)) > 0) {
    throw new KeyctlError('conflict', `A tier has a limit for ${name}.`, {
      hint: `Remove it first: keyctl tier edit <tier> --limit ${name}=none; see: keyctl tier list`,
    });
  }
}
