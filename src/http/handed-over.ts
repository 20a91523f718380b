import { fstatSync, readFileSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { KeyctlError } from '../domain/error.ts';
import type { HandedOver, ServeOptions } from './options.ts';

/**
 * Where a socket that was handed over listens, which the rules of access rest on: the kernel is asked, not the environment.
 * The mode of a Unix socket's file is its maker's affair. Throws `failed` for what is neither a TCP nor a Unix stream socket.
 */
export function whereItListens({ fd, name }: HandedOver): Pick<ServeOptions, 'host' | 'port' | 'socket'> {
  const bound = boundTo(fd);
  if (!('address' in bound)) return { host: '', port: 0, socket: { path: pathOf(fd) ?? name, mode: null } };
  return { host: bound.address, port: bound.port, socket: null };
}

/** A Socket that neither reads nor writes leaves the descriptor alone, so that a server can listen on it afterwards. */
function boundTo(fd: number): { readonly address: string; readonly port: number } | object {
  try {
    if (!fstatSync(fd).isSocket()) throw new TypeError('no socket');
    return new Socket({ fd, readable: false, writable: false }).address();
  } catch (error) {
    throw new KeyctlError('failed', `What was handed over as descriptor ${String(fd)} is no socket that serve can listen on.`, {
      hint: 'Give its socket unit one ListenStream=, a TCP address or the path of a Unix socket, and Accept=no.',
      cause: error,
    });
  }
}

/** For people to read: the path of a Unix socket, if the kernel shows it here. In another network namespace it does not. */
function pathOf(fd: number): string | null {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${String(fd)}`))?.[1];
    const lines = inode === undefined ? [] : readFileSync('/proc/self/net/unix', 'utf8').split('\n');
    const found = lines.map((line) => /^(?:\S+ +){6}(\d+) (.+)$/.exec(line)).find((match) => match !== null && match[1] === inode);
    return found?.[2] ?? null;
  } catch {
    return null;
  }
}
