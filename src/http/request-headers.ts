import type { RequestTarget } from './request-target.ts';

/** A request before its body: its request line and fields as they came (RFC 9112), and who sent it. */
export interface RequestHead {
  readonly method: string;
  readonly httpVersion: string;
  readonly target: RequestTarget;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** The address of the connection's other end; null on a Unix socket. */
  readonly peerIp: string | null;
}

/**
 * Every value that a header came with, in order. It reads the raw list (name, value, name, value …), because the parsed one
 * joins or drops repeats and its `headersDistinct` can be made to throw by a header named `__proto__`.
 */
export function headerValues(rawHeaders: readonly string[], lowerCaseName: string): readonly string[] {
  const values: string[] = [];
  for (let place = 0; place + 1 < rawHeaders.length; place += 2) {
    const name = rawHeaders[place] ?? '';
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) values.push(rawHeaders[place + 1] ?? '');
  }
  return values;
}

/** The value of a header that came exactly once and is not empty, else null. */
export function singleHeader(rawHeaders: readonly string[], lowerCaseName: string): string | null {
  const [value, second] = headerValues(rawHeaders, lowerCaseName);
  return value === undefined || value === '' || second !== undefined ? null : value;
}

/** True if any header's name, in lower case, passes the test. */
export function hasHeader(rawHeaders: readonly string[], test: (lowerCaseName: string) => boolean): boolean {
  return rawHeaders.some((text, place) => place % 2 === 0 && test(text.toLowerCase()));
}
