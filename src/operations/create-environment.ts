import type { Environment } from '../domain/entities.ts';
import { KeyctlError, usageError } from '../domain/error.ts';
import type { Actor, Store } from '../domain/store.ts';

/** `--env none` says that a service admits any environment. */
const RESERVED = 'none';

/** Adds an environment. Throws `already_exists` when its name or its code names one already, `usage` for `none`. */
export function createEnvironment(store: Store, wanted: Environment, actor: Actor): Promise<Environment> {
  const { name, code } = wanted;
  if (name === RESERVED || code === RESERVED) {
    throw usageError(`An environment cannot be called ${RESERVED}.`, `--env ${RESERVED} stands for no environment.`);
  }
  return store.write(async (tx, now) => {
    // Both are accepted wherever an environment is named, so that neither may be another one's name or code.
    const taken = (await tx.catalogue.environments()).find((other) =>
      [other.name, other.code].some((word) => word === name || word === code),
    );
    if (taken !== undefined) {
      throw new KeyctlError('already_exists', `There is an environment ${taken.name} with the code ${taken.code} already.`, {
        hint: 'Choose another name and another code.',
      });
    }
    await tx.catalogue.insertEnvironment({ name, code });
    await tx.audit.append({
      ...{ at: now, actor, action: 'env.create', targetKind: 'environment', targetId: name, targetName: name },
      before: null,
      after: { name, code },
    });
    return { name, code };
  });
}
