import { KeyctlError } from '../domain/error.ts';
import type { Actor, Store } from '../domain/store.ts';

/** Has messages that were given up tried again, from the first attempt on: one, or with null all of them. Throws `not_found` for one that is none. */
export function retryAlerts(store: Store, id: string | null, actor: Actor): Promise<number> {
  return store.write(async (tx, now) => {
    const retried = await tx.alerts.retry(id, now);
    if (id !== null && retried === 0) {
      throw new KeyctlError('not_found', 'No message of that id was given up.', { hint: 'See: keyctl alert list --status given-up' });
    }
    if (retried === 0) return 0;
    await tx.audit.append({
      ...{ at: now, actor, action: 'alert.retry', targetKind: 'config', targetId: 'webhook', targetName: 'webhook' },
      before: null,
      after: { messages: retried },
    });
    return retried;
  });
}
