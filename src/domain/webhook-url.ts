import { BlockList, isIP, isIPv6 } from 'node:net';
import { usageError } from './error.ts';

const MOST_CHARACTERS = 2_000;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Addresses at which there is no receiver: none, everybody's, and those of the link, where clouds answer with the host's credentials. */
const NOBODY = new BlockList();
NOBODY.addSubnet('0.0.0.0', 8, 'ipv4');
NOBODY.addSubnet('169.254.0.0', 16, 'ipv4');
NOBODY.addSubnet('224.0.0.0', 3, 'ipv4');
NOBODY.addAddress('::', 'ipv6');
NOBODY.addSubnet('fe80::', 10, 'ipv6');
NOBODY.addSubnet('ff00::', 8, 'ipv6');
NOBODY.addAddress('fd00:ec2::254', 'ipv6');

/**
 * Checks where messages are to go and returns it in one spelling. `https` always will do; `http` does on this host, and elsewhere where it is
 * allowed. Throws `usage`. SECURITY: the text is not repeated, a path or a query may be somebody's secret.
 */
export function checkWebhookUrl(text: string, allowsHttp: boolean): string {
  const url = URL.canParse(text) && text.length <= MOST_CHARACTERS ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol) || url.hostname === '') {
    throw usageError('That is not a URL that messages can be sent to.', 'Write one such as https://example.com/keyctl');
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError('A URL for messages has no user and no password.', 'The receiver tells by the signature who sends.');
  }
  if (url.hash !== '') throw usageError('A URL for messages has nothing after a #: it is not sent.');
  const host = literalHost(url);
  if (isIP(host) !== 0 && !mayReceive(host, true)) throw usageError('At that address there is no receiver.');
  if (url.protocol === 'http:' && !allowsHttp && host !== 'localhost' && !isLoopback(host)) {
    throw usageError(
      'Over http everybody on the way can read the messages.',
      'Write https, or, where the network is your own, add --allow-http.',
    );
  }
  return url.href;
}

/** An IPv6 address stands in brackets in a URL. */
function literalHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Whether a connection to the address, which a name may have led to, is one that messages may take. `encrypted` or allowed to be read. */
export function mayReceive(address: string, encrypted: boolean): boolean {
  if (NOBODY.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return false;
  return encrypted || isLoopback(address);
}

/** The URL as it is listed and audited: a query is where tokens stand. */
export function shownWebhookUrl(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`;
}
