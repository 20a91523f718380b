import { KeyctlError, type ErrorCode } from '../../domain/error.ts';

/** The code of a failure: five characters of the server's (SQLSTATE), or the system's, such as ECONNREFUSED. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The code of a server that was asked for TLS and has none. */
export const NO_TLS = 'ERR_KEYCTL_NO_TLS';

/** The code of a server that takes writes although another one has been promoted in its place. */
export const FORMER_PRIMARY = 'ERR_KEYCTL_FORMER_PRIMARY';

/** A transaction that the server has given up so that others could go on; it may be tried again, since nothing of it is left. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

/** A row came for which there is no table of its day yet. */
export function lacksPartition(error: unknown): boolean {
  return (
    codeOf(error) === '23514' &&
    typeof error === 'object' &&
    error !== null &&
    'table' in error &&
    error.table === 'debits' &&
    !named(error)
  );
}

function named(error: object): boolean {
  return 'constraint' in error && error.constraint !== undefined;
}

/** Whether there are no tables, or not even the schema that they would be in. */
export function lacksTables(error: unknown): boolean {
  const code = codeOf(error);
  return code === '42P01' || code === '3F000' || code === '42883';
}

interface Told {
  readonly code: ErrorCode;
  readonly message: (place: string) => string;
  readonly hint: string;
}

const UNREACHABLE: Told = {
  code: 'store_busy',
  message: (place) => `The store at ${place} cannot be reached.`,
  hint: 'Check that the server runs and that this host may connect to it; what was not answered may have been done.',
};
const BUSY: Told = {
  code: 'store_busy',
  message: (place) => `The store at ${place} is busy.`,
  hint: 'Somebody else holds its locks; try again.',
};
const FULL: Told = {
  code: 'store_full',
  message: (place) => `There is no room to write to ${place}.`,
  hint: 'Free space on the disk of the server; the change that failed was undone.',
};
const READ_ONLY: Told = {
  code: 'store_busy',
  message: (place) => `The server at ${place} takes no writes.`,
  hint: 'It is a standby, or was made one; name all hosts in the URL, and try again once one of them is the primary.',
};
const FORBIDDEN: Told = {
  code: 'store_read_only',
  message: (place) => `The role of ${place} may not do this.`,
  hint: 'It has to own the schema keyctl, or be allowed to create it: GRANT CREATE ON DATABASE ... TO ...',
};
const NO_DATABASE: Told = {
  code: 'store_missing',
  message: (place) => `There is no such database: ${place}.`,
  hint: 'Create it first: createdb NAME',
};
const NO_ENTRY: Told = {
  code: 'store_read_only',
  message: (place) => `The server at ${place} refuses the user or the password.`,
  hint: 'The password comes from PGPASSWORD, PGPASSFILE, or the URL in KEYCTL_DB; see also pg_hba.conf on the server.',
};
const DAMAGED: Told = {
  code: 'store_damaged',
  message: (place) => `The store at ${place} is damaged.`,
  hint: 'Stop every keyctl, keep the data directory, and put back a backup.',
};
const FORMER: Told = {
  code: 'store_busy',
  message: (place) => `A server at ${place} was the primary once, and takes writes although another has taken its place.`,
  hint: 'Stop it, or make it a standby of the new primary (pg_rewind), before anybody writes to it.',
};
const OTHER_NAME: Told = {
  code: 'store_read_only',
  message: (place) => `The certificate of the server at ${place} is of another name.`,
  hint: 'Name the host in the URL as its certificate does; ?sslmode=verify-ca looks at the authority alone.',
};
const CERTIFICATE: Told = {
  code: 'store_read_only',
  message: (place) => `The certificate of the server at ${place} is not trusted.`,
  hint: 'Name the certificate of its authority in the URL: ?sslrootcert=FILE, or NODE_EXTRA_CA_CERTS.',
};

const WITHOUT_TLS: Told = {
  code: 'store_read_only',
  message: (place) => `The server at ${place} has no TLS, and without it everybody on the way could read and change what is sent.`,
  hint: 'Switch it on there (ssl = on), or, only for loopback or a private network, add ?sslmode=disable to the URL.',
};

const BY_CODE: Readonly<Record<string, Told>> = {
  '55P03': BUSY,
  '57014': BUSY,
  '40001': BUSY,
  '40P01': BUSY,
  '55006': BUSY,
  '53100': FULL,
  '53200': BUSY,
  '53300': BUSY,
  '25006': READ_ONLY,
  '57P01': UNREACHABLE,
  '57P02': UNREACHABLE,
  '57P03': UNREACHABLE,
  '57P05': UNREACHABLE,
  '42501': FORBIDDEN,
  '3D000': NO_DATABASE,
  [NO_TLS]: WITHOUT_TLS,
  [FORMER_PRIMARY]: FORMER,
  ERR_TLS_CERT_ALTNAME_INVALID: OTHER_NAME,
  XX001: DAMAGED,
  XX002: DAMAGED,
};

function toldOf(code: string): Told | null {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (code.startsWith('08')) return UNREACHABLE;
  if (code.startsWith('28')) return NO_ENTRY;
  if (/^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) return CERTIFICATE;
  // Whatever the operating system says to a connection: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EPIPE, ENOTFOUND, ENOENT of a socket …
  return /^E[A-Z_0-9]{2,}$/.test(code) ? UNREACHABLE : null;
}

/** Turns the codes of the driver, the system and the server into keyctl's. */
export function translateError(place: string, error: unknown): unknown {
  if (error instanceof KeyctlError) return error;
  const told = toldOf(codeOf(error));
  return told === null ? error : new KeyctlError(told.code, told.message(place), { hint: told.hint, cause: error });
}
