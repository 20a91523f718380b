import { execFile } from 'node:child_process';
import type { Logger } from '../http/options.ts';

/** Longer than systemd-notify itself waits for the manager to have read what it was told. */
const PATIENCE_MS = 10_000;

/** Tells the service manager how the service is, in the words of sd_notify(3). Resolves in any case. */
export type Notify = (...assignments: readonly string[]) => Promise<void>;

/**
 * Node cannot write to a Unix datagram socket, so systemd's own program does; hence NotifyAccess=all in the unit. Without a socket to tell,
 * nothing is done. A manager that cannot be told is no reason not to serve: it is logged, and the manager does what its unit says.
 */
export function notifier(socket: string | undefined, path: string | undefined, log: Logger): Notify {
  if (socket === undefined || socket === '') return () => Promise.resolve();
  const env = { PATH: path ?? '/usr/bin:/bin', NOTIFY_SOCKET: socket };
  const tell = (assignments: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      execFile('systemd-notify', assignments, { env, timeout: PATIENCE_MS }, (error) => {
        const fields = { told: assignments[0], reason: error?.code ?? error?.signal ?? 'unknown' };
        if (error !== null) log.warn(fields, 'systemd-notify could not tell the service manager');
        resolve();
      });
    });
  let last = Promise.resolve();
  return (...assignments) => {
    // One after the other: a manager that hears READY=1 after STOPPING=1 would be told the wrong thing.
    last = last.then(() => tell(assignments));
    return last;
  };
}
