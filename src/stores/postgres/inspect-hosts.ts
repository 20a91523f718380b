import { KeyctlError } from '../../domain/error.ts';
import { fault, warning, type Finding } from '../../domain/finding.ts';
import type { Host } from './address.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './errors.ts';

/** One server may have several names. */
const WHICH = 'SELECT (SELECT system_identifier FROM pg_control_system())::text, pg_postmaster_start_time()::text';

type Look = 'standby' | 'silent' | { readonly server: string };

async function lookAt(host: Host, connectTo: (host: Host) => Promise<Connection>): Promise<Look> {
  try {
    const connection = await connectTo(host);
    try {
      const { rows } = await connection.ask(WHICH, []);
      return { server: String(rows[0]) };
    } finally {
      await connection.close();
    }
  } catch (error) {
    return error instanceof KeyctlError && codeOf(error.cause) === '25006' ? 'standby' : 'silent';
  }
}

function shown(hosts: readonly Host[]): string {
  return hosts.map(({ host, port }) => `${host}:${String(port)}`).join(' and ');
}

/**
 * Of several hosts one takes writes and the others follow it. Where two servers do, each has books of its own: whoever connects next may
 * be told of either. One that cannot be reached is none to fail over to.
 */
export async function inspectHosts(hosts: readonly Host[], connectTo: (host: Host) => Promise<Connection>): Promise<readonly Finding[]> {
  if (hosts.length === 1) return [];
  const looks = await Promise.all(hosts.map((host) => lookAt(host, connectTo)));
  const found: Finding[] = [];
  const silent = hosts.filter((_, place) => looks[place] === 'silent');
  const primaries = new Map(
    hosts.flatMap((host, place) => {
      const look = looks[place];
      return typeof look === 'object' ? [[look.server, host] as const] : [];
    }),
  );
  if (primaries.size > 1) {
    const message = `More than one server takes writes: ${shown([...primaries.values()])}. Each has books of its own from here on.`;
    found.push(fault('store', message, 'Stop the one that was the primary before, and make it a standby of the other (pg_rewind).'));
  }
  if (silent.length > 0) {
    const message = `Of the hosts of the URL ${shown(silent)} cannot be reached: there is no failover to it.`;
    found.push(warning('store', message, 'Start it, or take it out of the URL.'));
  }
  return found;
}
