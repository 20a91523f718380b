import { KeyctlError } from '../../domain/error.ts';
import type { Host } from './address.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './errors.ts';

/**
 * A host that has said nothing for so long is not waited for alone any more: one that is frozen, or cut off, takes connections and never
 * answers, and the next one may be the primary by now. Longer than a primary takes that is far away and answers over TLS.
 */
const HEAD_START_MS = 300;

type Connecting = (host: Host, unwanted: AbortSignal) => Promise<Connection>;

/**
 * Connects to the hosts in their order, the next as soon as one has failed or has kept silent for a while, and resolves with the first
 * that takes writes; what is under way to the others is ended. A failure that no other host would mend, such as a wrong password, is
 * thrown at once, and what tells most of them when there is none left.
 */
export function firstToTakeWrites(hosts: readonly Host[], connectTo: Connecting): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const trying = new Set<AbortController>();
    const waiting = [...hosts];
    let failure: unknown = null;
    let headStart: NodeJS.Timeout | undefined;

    const end = (): void => {
      clearTimeout(headStart);
      waiting.length = 0;
      for (const attempt of trying) attempt.abort();
      trying.clear();
    };
    const failed = (attempt: AbortController, error: unknown): void => {
      // Somebody else has won, and this one was told to go.
      if (!trying.delete(attempt)) return;
      failure = telling(failure, error);
      if (isFinal(error)) end();
      if (waiting.length > 0) tryNext();
      else if (trying.size === 0) reject(failure instanceof Error ? failure : new Error('no host was named', { cause: failure }));
    };
    const connected = (attempt: AbortController, connection: Connection): void => {
      if (!trying.delete(attempt)) {
        connection.cut();
        return;
      }
      end();
      resolve(connection);
    };
    const tryNext = (): void => {
      clearTimeout(headStart);
      const host = waiting.shift();
      if (host === undefined) return;
      const attempt = new AbortController();
      trying.add(attempt);
      if (waiting.length > 0) headStart = setTimeout(tryNext, HEAD_START_MS);
      connectTo(host, attempt.signal).then(
        (connection) => {
          connected(attempt, connection);
        },
        (error: unknown) => {
          failed(attempt, error);
        },
      );
    };
    tryNext();
  });
}

/** Whether another host would say the same. */
function isFinal(error: unknown): boolean {
  return error instanceof KeyctlError && error.code !== 'store_busy';
}

/** A standby says less about what is wrong than the server that should be the primary and cannot be reached. */
function telling(before: unknown, next: unknown): unknown {
  const standby = next instanceof KeyctlError && codeOf(next.cause) === '25006';
  return standby && before !== null ? before : next;
}
