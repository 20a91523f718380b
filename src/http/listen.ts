import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { KeyctlError } from '../domain/error.ts';
import type { ServeOptions } from './options.ts';

/** Starts listening and returns the address. Throws `conflict` when somebody listens there already, else `failed`. */
export async function listen(server: Server, options: ServeOptions): Promise<string> {
  const { socket, host, port } = options;
  if (socket === null) {
    // A resolver could answer anything for this name, and the rules of access rest on its being loopback.
    await listening(server, { host: host === 'localhost' ? '127.0.0.1' : host, port });
    const bound = server.address();
    const { address, family, port: chosen } = bound !== null && typeof bound === 'object' ? bound : { address: host, family: 'IPv4', port };
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${String(chosen)}`;
  }
  await removeStale(socket.path);
  // The file appears with the umask's mode, which in no usual case lets others write, and so connect, before this.
  await listening(server, { path: socket.path });
  chmodSync(socket.path, socket.mode);
  return `unix:${socket.path}`;
}

function listening(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(explained(error, 'path' in where ? 'socket' : 'port'));
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

/** A server that was killed leaves its socket file behind. It is removed only if it is a socket and nobody answers on it. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
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
