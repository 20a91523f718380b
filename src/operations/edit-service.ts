import type { Service } from '../domain/entities.ts';
import { usageError } from '../domain/error.ts';
import type { Actor, Store } from '../domain/store.ts';
import { findEnvironment } from './find-environment.ts';
import { findService, serviceJson } from './find-service.ts';

export interface EditService {
  readonly name: string;
  /** Credits a request; undefined leaves it. */
  readonly cost: number | undefined;
  /** A name or a code; null for any environment, undefined leaves it. */
  readonly environment: string | null | undefined;
}

/** Changes what a service costs or whom it admits, from the next request on. Throws `not_found`, or `usage` when nothing is to be changed. */
export function editService(
  store: Store,
  wanted: EditService,
  actor: Actor,
): Promise<{ readonly changed: boolean; readonly service: Service }> {
  if (wanted.cost === undefined && wanted.environment === undefined) {
    throw usageError('There is nothing to change.', 'Give --cost or --env.');
  }
  return store.write(async (tx, now) => {
    const before = await findService(tx, wanted.name);
    const after: Service = {
      ...before,
      cost: wanted.cost ?? before.cost,
      environment:
        wanted.environment === undefined
          ? before.environment
          : wanted.environment === null
            ? null
            : (await findEnvironment(tx, wanted.environment)).name,
    };
    if (after.cost === before.cost && after.environment === before.environment) return { changed: false, service: before };
    await tx.catalogue.updateService(before.ref, { cost: after.cost, environment: after.environment });
    await tx.audit.append({
      ...{ at: now, actor, action: 'service.edit', targetKind: 'service', targetId: before.name, targetName: before.name },
      before: serviceJson(before),
      after: serviceJson(after),
    });
    return { changed: true, service: after };
  });
}
