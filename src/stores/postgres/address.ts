import { usageError } from '../../domain/error.ts';

/** How far a server is believed to be itself; libpq has more, of which `prefer` and `allow` would promise nothing. */
const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

export interface Host {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

/** Where a store is, as its URL says. */
export interface Address {
  /** Tried in turn, until one of them takes writes. */
  readonly hosts: readonly Host[];
  readonly user: string;
  readonly database: string;
  readonly tls: TlsMode;
  /** A file with the certificates of the authorities to believe, instead of the system's. */
  readonly rootCertificate: string | null;
  readonly password: string | null;
  readonly passwordFile: string | null;
  readonly applicationName: string;
  /** The URL without its password, as it may be shown. */
  readonly shown: string;
}

const DEFAULT_PORT = 5432;
const PARAMETERS = ['sslmode', 'sslrootcert', 'passfile', 'application_name', 'host', 'port', 'user', 'dbname', 'password'];

/** Reads a URL as libpq does: `postgres://user:password@host:port,host:port/database?name=value`. Throws `usage`, and repeats nothing of it. */
export function parseAddress(url: string, osUser: string): Address {
  const match = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(url);
  if (match === null) throw unreadable();
  const [, userinfo = '', hostlist = '', path = '', query = ''] = match;
  const given = parameters(query);
  const colon = userinfo.indexOf(':');
  const user = decoded(colon === -1 ? userinfo : userinfo.slice(0, colon)) || (given.get('user') ?? osUser);
  const password = colon === -1 ? (given.get('password') ?? null) : decoded(userinfo.slice(colon + 1));
  const hosts = hostsOf(given.get('host') ?? hostlist, given.get('port') ?? '', given.has('host'));
  const database = decoded(path) || (given.get('dbname') ?? user);
  const address = {
    hosts,
    user,
    database,
    tls: tlsMode(given.get('sslmode'), hosts),
    rootCertificate: given.get('sslrootcert') ?? null,
    password,
    passwordFile: given.get('passfile') ?? null,
    applicationName: given.get('application_name') ?? 'keyctl',
  };
  return { ...address, shown: shownAs(address, given) };
}

function parameters(query: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of query.split('&').filter((found) => found !== '')) {
    const [name = '', ...value] = part.split('=');
    if (!PARAMETERS.includes(name)) {
      throw usageError('The URL of the store has a parameter that keyctl does not know.', `It knows ${PARAMETERS.join(', ')}.`);
    }
    given.set(name, decoded(value.join('=')));
  }
  return given;
}

function hostsOf(list: string, ports: string, decodedAlready: boolean): readonly Host[] {
  const all = (list === '' ? 'localhost' : list).split(',');
  const each = ports === '' ? [] : ports.split(',');
  return all.map((entry, place) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[^:]*)(?::(\d{1,5}))?$/.exec(entry);
    if (match === null) throw unreadable();
    const name = match[1] ?? '';
    const host = name.startsWith('[') ? name.slice(1, -1) : decodedAlready ? name : decoded(name);
    const port = Number(match[2] ?? each[place] ?? each[0] ?? DEFAULT_PORT);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw unreadable();
    return { host: host === '' ? 'localhost' : host, port };
  });
}

function tlsMode(given: string | undefined, hosts: readonly Host[]): TlsMode {
  if (given === undefined) return hosts.every(({ host }) => host.startsWith('/')) ? 'disable' : 'verify-full';
  const mode = TLS_MODES.find((known) => known === given);
  if (mode === undefined) throw usageError('The sslmode of the store is unknown.', `Give one of: ${TLS_MODES.join(', ')}.`);
  return mode;
}

/** SECURITY: built from the parts that are no secret; never the given text with something cut out of it. */
function shownAs({ hosts, user, database }: Pick<Address, 'hosts' | 'user' | 'database'>, given: ReadonlyMap<string, string>): string {
  const places = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : encodeURIComponent(host)}:${String(port)}`);
  const kept = ['sslmode', 'sslrootcert', 'application_name'].flatMap((name) => {
    const value = given.get(name);
    return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
  const query = kept.length === 0 ? '' : `?${kept.join('&')}`;
  return `postgres://${encodeURIComponent(user)}@${places.join(',')}/${encodeURIComponent(database)}${query}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unreadable();
  }
}

/** SECURITY: the URL is not repeated; it may hold a password. */
function unreadable(): Error {
  return usageError('The URL of the store cannot be read.', 'Write it as postgres://user@host:5432/database, and other characters as %40.');
}
