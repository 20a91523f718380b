import type { NewAlert } from './alerts.ts';
import { remaining, type Balance } from './credits.ts';
import type { Account, Key } from './entities.ts';
import { newId, type RandomBytes } from './random.ts';
import { formatDay, formatInstant, startOfDay, type Instant } from './utc-day.ts';

// SECURITY: a message holds names, ids and numbers; neither a secret nor a digest nor a mask.

/** Fields of a body are only ever added; what could not be read as before would have a higher number. */
const VERSION = 1;

interface Body {
  readonly type: string;
  readonly at: Instant;
  readonly data: Readonly<Record<string, unknown>>;
}

function bodyText({ type, at, data }: Body): string {
  return JSON.stringify({ type, version: VERSION, timestamp: formatInstant(at), data });
}

function accountData({ id, name, externalId }: Account): Record<string, unknown> {
  return { id, name, externalId };
}

/** An account has reached a threshold, a whole percent, of a day's credits. */
export function thresholdMessage(
  { account, balance, threshold }: { readonly account: Account; readonly balance: Balance; readonly threshold: number },
  at: Instant,
  randomBytes: RandomBytes,
): NewAlert {
  const { day, granted, adjusted, spent } = balance;
  const data = {
    ...{ account: accountData(account), day: formatDay(day), threshold, granted, adjusted, spent },
    ...{ remaining: remaining(balance), resetsAt: formatInstant(startOfDay(day + 1)) },
  };
  const type = 'credits.threshold_reached';
  return { id: newId('alert', randomBytes), type, at, body: bodyText({ type, at, data }) };
}

/** A key ends soon. */
export function expiryMessage(
  key: Key & { readonly expiresAt: Instant },
  account: Account,
  at: Instant,
  randomBytes: RandomBytes,
): NewAlert {
  const { id, name, environment, expiresAt } = key;
  const data = { account: accountData(account), key: { id, name, environment }, expiresAt: formatInstant(expiresAt) };
  const type = 'key.expires_soon';
  return { id: newId('alert', randomBytes), type, at, body: bodyText({ type, at, data }) };
}

/** What `alert test` sends. */
export function testMessage(at: Instant, randomBytes: RandomBytes): { readonly id: string; readonly body: string } {
  return { id: newId('alert', randomBytes), body: bodyText({ type: 'webhook.test', at, data: { message: 'keyctl can reach you.' } }) };
}
