import type { RequestHead } from './request-headers.ts';
import { parseTarget } from './request-target.ts';

/**
 * The plainest form of an HTTP/1.1 request, which is what a proxy sends for forward authentication: one of the common methods, a
 * target under /verify of the characters that RFC 3986 has, fields on one line each. Whatever is not of this form is
 * no matter of ours: Node's parser judges it. So this never has to be right about anything that is hard.
 */
const PLAIN =
  /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/verify[\w.~:/?[\]@!$&'()*+,;=%-]* HTTP\/1\.1\r\n(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)+\r\n$/;

/** Beyond it Node's parser takes over, which knows when it is too much. */
const MOST_BYTES = 8_192;
const END_OF_LINE = '\r\n';
const HTTP_VERSION = ' HTTP/1.1';

/** Fields that say something about the connection or of a body that follows, with the only values that change nothing. */
const FRAMING: ReadonlyMap<string, string | null> = new Map([
  ['connection', 'keep-alive'],
  ['proxy-connection', null],
  ['content-length', '0'],
  ['transfer-encoding', null],
  ['upgrade', null],
  ['expect', null],
  ['trailer', null],
  ['te', null],
]);
const FRAMING_LENGTHS: ReadonlySet<number> = new Set([...FRAMING.keys()].map((name) => name.length));

/**
 * The request that these bytes are, if they are exactly one, whole, without a body, and in the plain form; else null.
 * What it says of such a request is what Node's parser says of it.
 */
export function readPlainRequest(bytes: Buffer, peerIp: string | null): RequestHead | null {
  if (bytes.length > MOST_BYTES) return null;
  const text = bytes.toString('latin1');
  if (!PLAIN.test(text)) return null;
  const space = text.indexOf(' ');
  const firstLine = text.indexOf(END_OF_LINE);
  const rawHeaders = fieldsOf(text, firstLine + END_OF_LINE.length);
  if (rawHeaders === null) return null;
  const target = parseTarget(text.slice(space + 1, firstLine - HTTP_VERSION.length));
  return { method: text.slice(0, space), httpVersion: '1.1', target, rawHeaders, peerIp };
}

/** Names and values in turn; null if one of them is about framing, or if the request does not name its host exactly once. */
function fieldsOf(text: string, from: number): string[] | null {
  const fields: string[] = [];
  let hosts = 0;
  let lengths = 0;
  for (let start = from, end = text.indexOf(END_OF_LINE, start); end > start;) {
    const colon = text.indexOf(':', start);
    const name = text.slice(start, colon);
    const value = trimmed(text, colon + 1, end);
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    if (FRAMING_LENGTHS.has(name.length)) {
      const allowed = FRAMING.get(name.toLowerCase());
      // Node's parser takes no tab after a length.
      if (allowed !== undefined && (value.toLowerCase() !== allowed || text.charAt(end - 1) === '\t')) return null;
      if (allowed === '0') lengths += 1;
    }
    fields.push(name, value);
    start = end + END_OF_LINE.length;
    end = text.indexOf(END_OF_LINE, start);
  }
  return hosts === 1 && lengths <= 1 ? fields : null;
}

/** Without the spaces and tabs around it (RFC 9112, section 5). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
