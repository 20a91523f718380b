import type { Facts, Request } from './decide.ts';
import type { VerifiedKey } from './entities.ts';
import { formatInstant, type Instant } from './utc-day.ts';

/** What a check is told about. */
export interface Case {
  readonly request: Request;
  readonly facts: Facts;
  readonly now: Instant;
}

export interface Told {
  /** What the check looked at, with its numbers. */
  readonly detail: string;
  /** What would make it pass; shown where it does not. */
  readonly remedy: string;
}

/** How a command names the key. */
export function idOf(key: VerifiedKey | null): string {
  return key?.id ?? '<key>';
}

export function tellIdentity({ request, facts: { key } }: Case): Told {
  const remedy = 'Nothing brings a deleted or unknown key back; make another: keyctl create';
  if (request.subject.kind === 'account') return { detail: 'The account itself is asked about, without a key.', remedy };
  if (key === null) return { detail: 'No key of this store is meant.', remedy };
  if (key.deletedAt !== null) return { detail: `The key was deleted at ${formatInstant(key.deletedAt)}.`, remedy };
  return { detail: `The key exists since ${formatInstant(key.createdAt)}.`, remedy };
}

export function tellDisabled({ facts: { key } }: Case): Told {
  const remedy = `keyctl enable ${idOf(key)}`;
  if (key === null || key.disabledAt === null) return { detail: 'The key is not disabled.', remedy };
  const reason = key.disabledReason === null ? '' : `: ${key.disabledReason}`;
  return { detail: `The key is disabled since ${formatInstant(key.disabledAt)}${reason}.`, remedy };
}

export function tellExpiry({ facts: { key }, now }: Case): Told {
  const remedy =
    key !== null && key.rotatedTo !== null
      ? `Its grace is over; use its successor ${key.rotatedTo}, or keyctl edit ${key.id} --expires 1d`
      : `keyctl edit ${idOf(key)} --expires 90d, or --expires never`;
  if (key === null || key.expiresAt === null) return { detail: 'The key never expires.', remedy };
  return { detail: `The key ${now < key.expiresAt ? 'expires' : 'expired'} at ${formatInstant(key.expiresAt)}.`, remedy };
}

export function tellSuspended({ facts: { account } }: Case): Told {
  const name = account?.name ?? '<account>';
  const since = account?.suspendedAt ?? null;
  return {
    detail: since === null ? `The account ${name} is not suspended.` : `The account ${name} is suspended since ${formatInstant(since)}.`,
    remedy: `keyctl account resume ${name}`,
  };
}

export function tellEnvironment({ request, facts: { key, service } }: Case): Told {
  const insisted = [
    ...(request.environment === null ? [] : [`the question insists on ${request.environment}`]),
    ...(service === null || service.environment === null ? [] : [`the service ${service.name} admits ${service.environment} only`]),
  ];
  const wanted = service?.environment ?? request.environment ?? '<environment>';
  return {
    detail: `The key is for ${key?.environment ?? 'no environment'}; ${insisted.length === 0 ? 'no other is insisted on' : insisted.join(', and ')}.`,
    remedy: `A key keeps its environment; make one for the other: keyctl create --env ${wanted}`,
  };
}

export function tellAddress({ request, facts: { key } }: Case): Told {
  const ranges = key?.allowedIps ?? [];
  if (ranges.length === 0) return { detail: 'The key may come from anywhere.', remedy: '' };
  const edit = `keyctl edit ${idOf(key)} ${ranges.map((range) => `--allow-ip ${range}`).join(' ')}`;
  if (request.ip === null) {
    return {
      detail: `The key may come from ${ranges.join(', ')} only, and the client's address is not known.`,
      remedy: 'Say which address is meant, with --ip, or let the key come from anywhere: ' + `keyctl edit ${idOf(key)} --any-ip`,
    };
  }
  return {
    detail: `The key may come from ${ranges.join(', ')} only; the request comes from ${request.ip}.`,
    remedy: `${edit} --allow-ip ${request.ip}`,
  };
}

export function tellServices({ facts: { key, service } }: Case): Told {
  const services = key?.services ?? [];
  if (services.length === 0) return { detail: 'The key may call every service.', remedy: '' };
  const more = [...services, service?.name ?? '<service>'];
  return {
    detail: `The key may call ${services.join(', ')} only.`,
    remedy: `keyctl edit ${idOf(key)} ${more.map((name) => `--service ${name}`).join(' ')}`,
  };
}
