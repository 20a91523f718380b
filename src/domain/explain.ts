import { CHECKS, type Facts, type Request } from './decide.ts';
import {
  tellAddress,
  tellDisabled,
  tellEnvironment,
  tellExpiry,
  tellIdentity,
  tellServices,
  tellSuspended,
  type Case,
  type Told,
} from './explain-identity.ts';
import { tellCredits, tellRate, tellRequestId } from './explain-spending.ts';
import type { Instant } from './utc-day.ts';
import type { DenialCode } from './verdict.ts';

/** One check, told to a person. */
export interface ExplainedCheck {
  readonly code: DenialCode;
  /** Null where it cannot be made: without a service there is no price and no limit. */
  readonly passes: boolean | null;
  /** What it looked at, with its numbers. Times ISO 8601 in UTC, credits as a person reads them. */
  readonly detail: string;
  /** What would make it pass, where it does not. */
  readonly remedy: string | null;
}

/** What `CHECKS` lets pass without a service, because the first check has denied by then. */
const NEEDS_SERVICE: ReadonlySet<DenialCode> = new Set(['service_not_allowed', 'insufficient_credits', 'request_limit_reached']);

const TELL: Record<DenialCode, (about: Case) => Told> = {
  unknown_service: ({ facts: { service } }) => ({
    detail: service === null ? 'No service has the name that was asked for.' : `The service ${service.name} exists.`,
    remedy: 'Ask for one that keyctl service list shows, or make it: keyctl service create',
  }),
  missing_api_key: ({ request }) => ({
    detail: request.subject.kind === 'missing' ? 'No API key is sent.' : 'An API key is sent.',
    remedy: 'Send exactly one API key.',
  }),
  invalid_api_key: tellIdentity,
  api_key_disabled: tellDisabled,
  api_key_expired: tellExpiry,
  account_suspended: tellSuspended,
  environment_mismatch: tellEnvironment,
  ip_not_allowed: tellAddress,
  service_not_allowed: tellServices,
  request_id_conflict: tellRequestId,
  insufficient_credits: tellCredits,
  request_limit_reached: tellRate,
  store_unavailable: () => ({ detail: 'The store answers.', remedy: 'Try again.' }),
};

/**
 * Every check of `decide` in its order, each on its own, so that whoever has two troubles hears of both at once.
 * Whether one passes is asked of `CHECKS` itself; only the words are found here. The first that does not pass is the verdict.
 */
export function explain(request: Request, facts: Facts, now: Instant): readonly ExplainedCheck[] {
  return CHECKS.map(([code, check]) => {
    if (facts.service === null && NEEDS_SERVICE.has(code)) {
      return { code, passes: null, detail: 'Not asked, since there is no such service.', remedy: null };
    }
    const passes = check(request, code === 'api_key_expired' ? asIfEnabled(facts) : facts, now);
    const { detail, remedy } = TELL[code]({ request, facts, now });
    return { code, passes, detail, remedy: passes ? null : remedy };
  });
}

/** Disabled outweighs expired in a key's status; asked on its own, the expiry is to be seen behind it. */
function asIfEnabled(facts: Facts): Facts {
  return facts.key === null ? facts : { ...facts, key: { ...facts.key, deletedAt: null, disabledAt: null } };
}
