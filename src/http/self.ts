import type { Store } from '../domain/store.ts';
import { presentedKey } from '../domain/presented-key.ts';
import { describeSelf } from '../operations/describe-self.ts';
import { clientAddress, peerOf } from './client-address.ts';
import type { Exchange } from './exchange.ts';
import type { GuessBrake } from './guess-brake.ts';
import { singleHeader } from './request-headers.ts';
import { headersOf } from './verdict-headers.ts';
import { sendVerdict, type VerifyDeps } from './verify.ts';

export interface SelfDeps extends VerifyDeps {
  readonly store: Store;
  readonly brake: GuessBrake;
}

/** `GET /v1/usage/self`: what the holder of a key may know about it. Costs nothing and counts nowhere. */
export async function answerSelf(exchange: Exchange, deps: SelfDeps): Promise<void> {
  exchange.ignoreBody();
  const { store, brake, options, catalogue, clock } = deps;
  const { req } = exchange;
  const subject = presentedKey(singleHeader(req.rawHeaders, options.header.toLowerCase()), catalogue().prefixes);
  const ip = clientAddress(req, peerOf(req, options.socket !== null), options.trustProxy);
  const { denied, self } = await describeSelf(store, subject, ip);
  if (denied?.code === 'invalid_api_key') {
    brake.invalid(ip, req.socket, () => {
      sendVerdict(exchange, denied, options, clock());
    });
    return;
  }
  brake.release(req.socket);
  if (denied !== null) {
    sendVerdict(exchange, denied, options, clock());
    return;
  }
  const creditsAvailable = Math.min(self.credits.remaining, self.cap?.remaining ?? self.credits.remaining);
  const { account, keyId, environment, tier } = self;
  const headers = headersOf({ code: 'ok', status: 200, account, keyId, environment, tier, creditsAvailable });
  exchange.send(200, [...headers, 'Content-Type', 'application/json'], JSON.stringify(self));
}
