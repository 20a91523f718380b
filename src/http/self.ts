import type { Store } from '../domain/store.ts';
import { presentedKey } from '../domain/presented-key.ts';
import { DEFAULT_COST } from '../domain/credits.ts';
import { DEFAULT_SERVICE } from '../domain/defaults.ts';
import { nextReset, type Instant } from '../domain/utc-day.ts';
import { describeSelf, type Self } from '../operations/describe-self.ts';
import { clientAddress, peerOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import type { GuessBrake } from './guess-brake.ts';
import { rateLimitFields, type Limits } from './rate-limit-fields.ts';
import { singleHeader } from './request-headers.ts';
import { header, headersOf } from './verdict-headers.ts';
import { sendVerdict, type VerifyDeps } from './verify.ts';

export interface SelfDeps extends VerifyDeps {
  readonly store: Store;
  readonly brake: GuessBrake;
}

/** `GET /v1/usage/self`: what the holder of a key may know about it. Costs nothing and counts nowhere. */
export async function answerSelf(exchange: Exchange, deps: SelfDeps): Promise<void> {
  exchange.ignoreBody();
  const { store, brake, options, catalogue, clock } = deps;
  const { head, connection } = exchange;
  const subject = presentedKey(singleHeader(head.rawHeaders, options.header.toLowerCase()), catalogue());
  const ip = clientAddress(head, peerOf(head, options.socket !== null), options.trustProxy);
  const { denied, self } = await describeSelf(store, subject, ip);
  if (denied?.code === 'invalid_api_key') {
    brake.invalid(ip, connection, () => {
      sendVerdict(exchange, denied, options, clock());
    });
    return;
  }
  brake.release(connection);
  if (denied !== null) {
    sendVerdict(exchange, denied, options, clock());
    return;
  }
  const now = clock();
  const { account, keyId, environment, tier } = self;
  const credits = tighterOf(self, now);
  const headers = headersOf({
    ...{ code: 'ok', status: 200, account, keyId, environment, tier },
    ...{ limitedBy: credits.limitedBy, creditsAvailable: credits.remaining },
  });
  const cost = catalogue().services.get(options.service ?? DEFAULT_SERVICE)?.cost ?? DEFAULT_COST;
  const limits = rateLimitFields({ credits, cost, rate: null, code: 'ok', retryAfter: null }, now);
  exchange.send(200, headers + limits + header('Content-Type', 'application/json'), JSON.stringify(self));
}

/** The allowance that ends first, as a verdict would tell it: the account's, or the key's own cap. */
function tighterOf({ credits, cap }: Self, now: Instant): NonNullable<Limits['credits']> {
  const resetsAt = nextReset(now);
  if (cap !== null && cap.remaining < credits.remaining) return { limit: cap.limit, remaining: cap.remaining, resetsAt, limitedBy: 'key' };
  return { limit: credits.granted + credits.adjusted, remaining: credits.remaining, resetsAt, limitedBy: 'account' };
}
