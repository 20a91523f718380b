import { KeyctlError, usageError } from '../domain/error.ts';
import { checkIpRange, ipInRanges } from '../domain/ip-range.ts';
import { checkName } from '../domain/names.ts';
import type { Store } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';
import type { PostWebhook } from '../domain/webhook-post.ts';
import type { AlertActs } from '../operations/alert-acts.ts';
import type { ServedActs } from '../operations/served-acts.ts';
import type { ServerIdentity } from '../operations/server-signs.ts';

/** A socket that the process was started with, already listening, as systemd's socket activation does. */
export interface HandedOver {
  readonly fd: number;
  /** What its unit calls it. */
  readonly name: string;
}

/** One field for each flag of `keyctl serve`, already read: the token is the file's content, not its path. */
export interface ServeOptions {
  readonly host: string;
  /** 0 lets the system choose one. */
  readonly port: number;
  /** A Unix socket instead of host and port, with the mode of its file; null leaves the mode alone. */
  readonly socket: { readonly path: string; readonly mode: number | null } | null;
  /** Is listened on instead of opening one; host and port, or socket, then say where it is. */
  readonly handedOver: HandedOver | null;
  /** The only environment whose keys are admitted: a name or a code. */
  readonly environment: string | null;
  /** What everything under /verify is, whatever the path says. */
  readonly service: string | null;
  /** The header that the API key comes in. */
  readonly header: string;
  /** The header that request ids come in, set by the proxy and never by its clients; null for none. */
  readonly requestIdHeader: string | null;
  readonly trustProxy: readonly string[];
  readonly allowPeer: readonly string[];
  /** The bearer token that every route but /healthz and /v1/usage/self asks for, or null. */
  readonly token: string | null;
  /** The status of `insufficient_credits`. */
  readonly exhaustedStatus: number;
  /** Answers every denial but 401 and 403 as 403, with the true status in X-Keyctl-Status. */
  readonly nginx: boolean;
}

export const DEFAULT_SERVE_OPTIONS: ServeOptions = {
  host: '127.0.0.1',
  port: 8080,
  socket: null,
  handedOver: null,
  environment: null,
  service: null,
  header: 'X-API-Key',
  requestIdHeader: null,
  trustProxy: [],
  allowPeer: [],
  token: null,
  exhaustedStatus: 402,
  nginx: false,
};

/** The part of a pino logger that the server uses. Fields never hold a header, a URL or a body. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Runs `act` once after so many milliseconds, unless the returned function is called before. */
export type After = (ms: number, act: () => void) => () => void;

export interface ServerDeps {
  /** Read on this thread; what is written goes through `acts`. */
  readonly store: Store;
  /** If left out, the store is written on this thread as well. */
  readonly acts?: ServedActs;
  /** Looks for what somebody is to be told of, and tells them; if left out, another process does. */
  readonly alerts?: { readonly acts: AlertActs; readonly post: PostWebhook };
  /** The store is behind a network, so that a batch waits for more requests rather than to be one of many small ones. */
  readonly gathers?: boolean;
  readonly clock: () => Instant;
  readonly log: Logger;
  readonly version: string;
  /** The release of Node that runs this, for what is done on some of them only; if left out, it is as on one that is not known. */
  readonly nodeRelease?: string;
  /** Who this server is, for those who ask the store which ones are running; without it there is no sign of this one. */
  readonly process?: Pick<ServerIdentity, 'id' | 'host' | 'pid'>;
  /** How time passes; `setTimeout` if left out. Tests let it pass by hand. */
  readonly after?: After;
  /** How long a client may take, in milliseconds; tests cannot wait for the real ones. */
  readonly patience?: Partial<Patience>;
}

export interface Patience {
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often connections are looked through for those that took too long. */
  readonly checkMs: number;
  /** How long a connection may say nothing, and how long its client may take none of what it is told. */
  readonly idleMs: number;
  /** How long a stopping server waits for requests that are still arriving. */
  readonly stopMs: number;
}

export interface RunningServer {
  /** `http://127.0.0.1:8080`, or `unix:` and the path of the socket. */
  readonly address: string;
  /** Finishes what is in flight, stores what was counted, and resolves. */
  stop(): Promise<void>;
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const RESERVED_HEADERS = new Set(['host', 'connection', 'content-length', 'content-type', 'transfer-encoding', 'x-forwarded-for']);

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

export function isLoopbackAddress(address: string): boolean {
  return ipInRanges(LOOPBACK, address);
}

export function listensOnLoopback(options: ServeOptions): boolean {
  return options.socket !== null || options.host === 'localhost' || isLoopbackAddress(options.host);
}

/** Checks the options against each other and returns them with ranges in canonical spelling. Throws `usage`. */
export function checkServeOptions(options: ServeOptions): ServeOptions {
  const { header, requestIdHeader, exhaustedStatus, token, socket, service } = options;
  if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65_535) throw usageError('The port must be from 0 to 65535.');
  if (!Number.isInteger(exhaustedStatus) || exhaustedStatus < 400 || exhaustedStatus > 499) {
    throw usageError('The status for exhausted credits must be from 400 to 499.', 'Leave it out for 402; 429 and 403 are usual too.');
  }
  checkHeaderName('--header', header, token);
  if (requestIdHeader !== null) checkHeaderName('--request-id-header', requestIdHeader, token);
  if (header.toLowerCase() === requestIdHeader?.toLowerCase()) throw usageError('The API key and the request id need a header each.');
  if (service !== null) checkName('service', service);
  const checked = { ...options, trustProxy: options.trustProxy.map(checkIpRange), allowPeer: options.allowPeer.map(checkIpRange) };
  checkAccess(checked, socket !== null);
  return checked;
}

function checkHeaderName(flag: string, name: string, token: string | null): void {
  if (!HEADER_NAME.test(name) || RESERVED_HEADERS.has(name.toLowerCase())) {
    throw usageError(`That is not a header for ${flag}.`, 'Give the name of a request header, such as X-API-Key.');
  }
  if (token !== null && name.toLowerCase() === 'authorization') {
    throw usageError(`${flag} cannot be Authorization: the server's own token comes in it.`);
  }
}

function checkAccess(options: ServeOptions, onSocket: boolean): void {
  const { token, allowPeer } = options;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    throw usageError(
      'The token must be visible ASCII characters and not empty.',
      'Write one line into the token file, such as 40 random letters.',
    );
  }
  if (onSocket && allowPeer.length > 0) {
    throw usageError('--allow-peer has no meaning on a Unix socket.', 'The mode of the socket says who may connect.');
  }
  if (!listensOnLoopback(options) && token === null && allowPeer.length === 0) {
    throw new KeyctlError('usage', 'Off loopback, serve needs to know who may ask.', {
      hint: 'Give --token-file FILE or --allow-peer CIDR, or listen on 127.0.0.1 behind your proxy.',
    });
  }
}
