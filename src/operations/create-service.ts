import { KeyctlError } from '../domain/error.ts';
import type { Service } from '../domain/entities.ts';
import type { Actor, Store } from '../domain/store.ts';
import { findEnvironment } from './find-environment.ts';
import { findService, serviceJson } from './find-service.ts';

export interface CreateService {
  readonly name: string;
  /** Credits a request. */
  readonly cost: number;
  /** A name or a code; null for any environment. */
  readonly environment: string | null;
}

/** Makes a service. Throws `already_exists`, or `not_found` for an unknown environment. */
export function createService(store: Store, wanted: CreateService, actor: Actor): Promise<Service> {
  return store.write(async (tx, now) => {
    const { name, cost } = wanted;
    if ((await tx.catalogue.services()).some((service) => service.name === name)) {
      throw new KeyctlError('already_exists', `A service named ${name} exists already.`, {
        hint: `Change it with: keyctl service edit ${name}`,
      });
    }
    const environment = wanted.environment === null ? null : (await findEnvironment(tx, wanted.environment)).name;
    await tx.catalogue.insertService({ name, cost, environment });
    await tx.audit.append({
      ...{ at: now, actor, action: 'service.create', targetKind: 'service', targetId: name, targetName: name },
      before: null,
      after: serviceJson({ name, cost, environment }),
    });
    return findService(tx, name);
  });
}
