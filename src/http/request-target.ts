import { DEFAULT_SERVICE } from '../domain/defaults.ts';

/** A raw request target (RFC 9112, section 3.2), taken apart without decoding a byte of it. */
export interface RequestTarget {
  /** The host of an absolute-form target, which outweighs the Host header; null in the origin form. */
  readonly authority: string | null;
  /** From the first `/` on, without the query. */
  readonly path: string;
}

const ABSOLUTE = /^https?:\/\/([^/?]*)/i;

/**
 * SECURITY: no URL parser comes near this. It would resolve dot segments and decode `%2e`, and with them
 * a client behind a proxy that passes its own path on could choose another service and so another price.
 */
export function parseTarget(target: string): RequestTarget {
  const absolute = ABSOLUTE.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  const query = rest.indexOf('?');
  const path = query === -1 ? rest : rest.slice(0, query);
  return { authority: absolute?.[1] ?? null, path: path === '' && absolute !== null ? '/' : path };
}

/** The service that a path under /verify names, as its bytes are (perhaps empty); null for a path that is not under /verify. */
export function serviceInPath(path: string): string | null {
  if (path === '/verify') return DEFAULT_SERVICE;
  if (!path.startsWith('/verify/')) return null;
  const end = path.indexOf('/', '/verify/'.length);
  return path.slice('/verify/'.length, end === -1 ? path.length : end);
}
