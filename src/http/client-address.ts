import type { Socket } from 'node:net';
import { ipInRanges, normaliseIp } from '../domain/ip-range.ts';
import { headerValues, type RequestHead } from './request-headers.ts';

/** The other end of the connection: an address, or a process of this machine on a Unix socket. */
export type Peer = { readonly kind: 'address'; readonly ip: string | null } | { readonly kind: 'socket' };

export function peerOf({ peerIp }: RequestHead, onSocket: boolean): Peer {
  return onSocket ? { kind: 'socket' } : { kind: 'address', ip: peerIp };
}

/** The address of a connection's other end in its one spelling; null on a Unix socket. */
export function peerIpOf(socket: Socket): string | null {
  // A link-local peer has its interface after the address: fe80::1%eth0.
  const [address = ''] = (socket.remoteAddress ?? '').split('%');
  return normaliseIp(address);
}

/** `203.0.113.7`, and with a port as some proxies write it: `203.0.113.7:51334`, `[2001:db8::7]:51334`. */
function addressIn(entry: string): string | null {
  const text = entry.trim();
  const withPort = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(text);
  return normaliseIp(withPort?.[1] ?? withPort?.[2] ?? text);
}

/**
 * The client's address, or null where it is unknown. It is the peer's, unless the peer is a trusted proxy (or on a Unix socket, where only
 * one can be): then it is the rightmost entry of X-Forwarded-For that is no trusted proxy itself, since everything
 * left of that is the client's own words. Where all are trusted it is the leftmost: one of ours asked.
 * Spellings with underscores are other headers and mean nothing.
 */
export function clientAddress({ rawHeaders }: RequestHead, peer: Peer, trusted: readonly string[]): string | null {
  if (peer.kind === 'address' && (trusted.length === 0 || !ipInRanges(trusted, peer.ip))) return peer.ip;
  const entries = headerValues(rawHeaders, 'x-forwarded-for').flatMap((value) => value.split(','));
  const client = entries.findLast((entry) => !ipInRanges(trusted, addressIn(entry))) ?? entries[0];
  return client === undefined ? null : addressIn(client);
}
