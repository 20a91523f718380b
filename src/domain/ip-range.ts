import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { usageError } from './error.ts';

/** `::ffff:203.0.113.7` is how a dual-stack socket writes an IPv4 peer; both spellings are one address. */
export function normaliseIp(text: string): string | null {
  const address = text.trim().toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (isIPv4(address)) return address;
  return isIPv6(address) && !address.includes('%') ? address : null;
}

/** A CIDR range or a single address; returns it in canonical spelling or throws `usage`. */
export function checkIpRange(text: string): string {
  const [address, bits, ...rest] = text.split('/');
  const ip = address === undefined ? null : normaliseIp(address);
  const most = ip !== null && isIPv4(ip) ? 32 : 128;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (ip !== null && rest.length === 0 && prefix <= most) return `${ip}/${String(prefix)}`;
  // SECURITY: the text is not repeated, it may be somebody's secret in the wrong place.
  throw usageError('That is not an IP range.', 'Write 203.0.113.0/24, 2001:db8::/32 or a single address.');
}

const compiled = new WeakMap<readonly string[], BlockList>();

/** Whether an address lies in one of the ranges. An address that is none (null, or not an IP) lies in no range. */
export function ipInRanges(ranges: readonly string[], ip: string | null): boolean {
  const address = ip === null ? null : normaliseIp(ip);
  if (address === null) return false;
  let list = compiled.get(ranges);
  if (list === undefined) {
    list = new BlockList();
    for (const range of ranges) {
      const [net = '', bits = ''] = range.split('/');
      list.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6');
    }
    compiled.set(ranges, list);
  }
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
