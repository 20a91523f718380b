import { usageError } from '../domain/error.ts';
import { normaliseIp } from '../domain/ip-range.ts';

/** The client's address from `--ip`, or null without one. Throws `usage`. SECURITY: the text is not repeated. */
export function readAddress(text: string | undefined): string | null {
  const address = text === undefined ? null : normaliseIp(text);
  if (text === undefined || address !== null) return address;
  throw usageError('--ip is no address.', 'Write one such as 203.0.113.7 or 2001:db8::1.');
}
