import { DEFAULT_ENVIRONMENT } from '../domain/defaults.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Actor, Store, WriteTransaction } from '../domain/store.ts';
import { findEnvironment } from './find-environment.ts';

/**
 * Deletes an environment, given its name or its code, and returns its name. Throws `not_found`, or `conflict` for the default one and
 * while any key (deleted ones too: they are kept, and so is where they belonged) or any service refers to it.
 */
export function deleteEnvironment(store: Store, reference: string, actor: Actor): Promise<string> {
  return store.write(async (tx, now) => {
    const { name, code } = await findEnvironment(tx, reference);
    await checkUnused(tx, name);
    await tx.catalogue.deleteEnvironment(name);
    await tx.audit.append({
      ...{ at: now, actor, action: 'env.delete', targetKind: 'environment', targetId: name, targetName: name },
      before: { name, code },
      after: null,
    });
    return name;
  });
}

async function checkUnused(tx: WriteTransaction, name: string): Promise<void> {
  if (name === DEFAULT_ENVIRONMENT) {
    throw new KeyctlError('conflict', `${DEFAULT_ENVIRONMENT} is the environment of keys that name none; it stays.`);
  }
  const keys = await tx.keys.countInEnvironment(name);
  if (keys > 0) {
    throw new KeyctlError('conflict', `${keys === 1 ? 'A key is' : `${String(keys)} keys are`} for ${name}.`, {
      hint: `Deleted keys count as well, since they are kept; see: keyctl list --env ${name} --status all`,
    });
  }
  const service = (await tx.catalogue.services()).find((candidate) => candidate.environment === name);
  if (service !== undefined) {
    throw new KeyctlError('conflict', `The service ${service.name} admits keys of ${name} only.`, {
      hint: `Change it first: keyctl service edit ${service.name} --env none`,
    });
  }
}
