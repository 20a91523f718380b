import { Socket, type Server } from 'node:net';

/** What Node has no name for: a socket's handle in the kernel, and the server that counts it among its connections. */
interface Inner {
  _handle: { readonly useUserBuffer?: unknown } | null;
  _server?: Server;
  server?: Server;
}

/** Where it was tried. Elsewhere connections are read as Node reads them, which is right and only slower. */
const TRIED: ReadonlySet<string> = new Set(['20', '22', '24']);

/** As much as libuv reads at once. */
const ALL_READS = Buffer.alloc(65_536);

/** Whether a release of Node is one of those on which connections can be read into one buffer. */
export function readsIntoOneBuffer(release = ''): boolean {
  return TRIED.has(release.replace(/\..*/, ''));
}

/**
 * Has what an accepted connection says read into one buffer for all, and given to `hear`, gone with the next read: whoever keeps it copies it.
 * Returns the socket that stands for the connection from now on, whose `data` events tell only what is put back into it. Node makes a buffer of 64 KiB for every read and cuts it to the few bytes that came, which was a tenth of the processor's time of a
 * verification. For a connection that a program makes itself there is `onread` (https://nodejs.org/api/net.html#new-netsocketoptions);
 * for an accepted one Node has no way to say it, so that its handle is given to a socket that is made with it. Where that is not possible it
 * returns the same socket, whose `data` events tell what it read.
 */
export function readIntoOneBuffer(accepted: Socket, server: Server, hear: (bytes: Buffer) => void): Socket {
  const inner = accepted as unknown as Inner;
  const handle = inner._handle;
  if (typeof handle?.useUserBuffer !== 'function') return accepted;
  const callback = (length: number): boolean => {
    hear(ALL_READS.subarray(0, length));
    return true;
  };
  const options = { handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer: ALL_READS, callback } };
  inner._handle = null;
  const socket = new Socket(options);
  Object.assign(socket, { _server: server, server } satisfies Partial<Inner>);
  return socket;
}
