import { chmodSync, lstatSync, unlinkSync, type Stats } from 'node:fs';
import { connect, type ListenOptions, type Server } from 'node:net';
import { KeyctlError } from '../domain/error.ts';
import type { ServeOptions } from './options.ts';

/** Connections that wait to be accepted, at most; systemd keeps them in there while a server is started again. */
const BACKLOG = 4_096;
/** What fits into the address of a Unix socket. Node would cut a longer path and listen elsewhere. */
const LONGEST_SOCKET_PATH = 107;

/** Starts listening and returns the address. Throws `conflict` when somebody listens there already, else `failed` or `usage`. */
export async function listen(server: Server, options: ServeOptions): Promise<string> {
  const { socket, host, port, handedOver } = options;
  if (handedOver !== null) {
    await listening(server, { fd: handedOver.fd, backlog: BACKLOG }, 'socket');
    if (socket !== null) return `unix:${socket.path}`;
  } else if (socket !== null) {
    await listenOnPath(server, socket.path, socket.mode);
    return `unix:${socket.path}`;
  } else {
    // A resolver could answer anything for this name, and the rules of access rest on its being loopback.
    await listening(server, { host: host === 'localhost' ? '127.0.0.1' : host, port, backlog: BACKLOG }, 'port');
  }
  const bound = server.address();
  const { address, family, port: chosen } = bound !== null && typeof bound === 'object' ? bound : { address: host, family: 'IPv4', port };
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${String(chosen)}`;
}

async function listenOnPath(server: Server, path: string, mode: number | null): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    throw new KeyctlError('usage', `The path of a socket has at most ${String(LONGEST_SOCKET_PATH)} bytes.`, {
      hint: 'Give a shorter one with --socket.',
    });
  }
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) await makeWay(path, there);
  // The file appears with the umask's mode, which in no usual case lets others write, and so connect, before this.
  await listening(server, { path, backlog: BACKLOG }, 'socket');
  if (mode !== null) chmodSync(path, mode);
}

function listening(server: Server, where: ListenOptions & { readonly fd?: number }, what: 'socket' | 'port'): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(where.fd === undefined ? explained(error, what) : unfit(error));
    };
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function explained(error: NodeJS.ErrnoException, what: 'socket' | 'port'): KeyctlError {
  const flags = what === 'port' ? '--host and --port' : '--socket';
  const fail = (code: 'conflict' | 'failed', message: string, hint: string): KeyctlError =>
    new KeyctlError(code, message, { hint, cause: error });
  if (error.code === 'EADDRINUSE')
    return fail('conflict', `The ${what} is in use already.`, `Stop what listens there, or give another with ${flags}.`);
  if (error.code === 'EACCES') return fail('failed', `This user may not listen on that ${what}.`, `Choose another with ${flags}.`);
  return fail('failed', `The server cannot listen there (${error.code ?? 'unknown'}).`, `Check ${flags}.`);
}

function unfit(cause: NodeJS.ErrnoException): KeyctlError {
  const hint = 'Its socket unit needs one ListenStream= and Accept=no.';
  return new KeyctlError('failed', `The socket that was handed over does not listen (${cause.code ?? 'unknown'}).`, { hint, cause });
}

/**
 * A server that was killed leaves its socket file behind. It is removed only if it is a socket and nobody answers on it; what is no
 * socket is somebody's file.
 */
async function makeWay(path: string, there: Stats): Promise<void> {
  if (!there.isSocket()) {
    const hint = 'Give another path with --socket, or remove the file yourself.';
    throw new KeyctlError('conflict', 'At the path of the socket is something that is no socket.', { hint });
  }
  const refused = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED');
    });
  });
  if (refused) unlinkSync(path);
}
