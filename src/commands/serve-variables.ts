import { usageError } from '../domain/error.ts';
import type { HandedOver } from '../http/options.ts';

/** What a service manager said in the environment, once it is taken out of there. Unset is undefined. */
export interface ServiceVariables {
  /** The process that was told all this, or that was started by the one that was. */
  readonly pid: number;
  readonly listenPid: string | undefined;
  readonly listenFds: string | undefined;
  readonly listenNames: string | undefined;
  readonly notifySocket: string | undefined;
}

/** Takes the variables of sd_listen_fds(3) and sd_notify(3) out of the environment: no process started later may take them for its own. */
export function takeServiceVariables(env: Record<string, string | undefined>, pid: number): ServiceVariables {
  const taken = {
    pid,
    listenPid: env['LISTEN_PID'],
    listenFds: env['LISTEN_FDS'],
    listenNames: env['LISTEN_FDNAMES'],
    notifySocket: env['NOTIFY_SOCKET'],
  };
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET']) Reflect.deleteProperty(env, name);
  return taken;
}

/** Sockets that are handed over begin here, after the three standard streams. */
const FIRST_FD = 3;

/**
 * The one socket that was handed over to this process, as sd_listen_fds(3) says, or null. What was meant for another process, as a parent's
 * variables are, counts for nothing. Throws `usage` for more sockets than one, and for what cannot be read.
 */
export function handedOver({ pid, listenPid, listenFds, listenNames }: ServiceVariables): HandedOver | null {
  if (listenPid === undefined || listenFds === undefined || listenPid !== String(pid)) return null;
  const count = /^\d{1,5}$/.test(listenFds) ? Number(listenFds) : Number.NaN;
  if (Number.isNaN(count)) throw usageError('LISTEN_FDS is no number of sockets.', 'Start serve from a systemd socket unit, or unset it.');
  if (count === 0) return null;
  if (count > 1) throw usageError('serve takes one socket, and was handed several.', 'Leave one ListenStream= in its socket unit.');
  const [name = ''] = (listenNames ?? '').split(':');
  return { fd: FIRST_FD, name: name === '' ? 'handed over' : name };
}
