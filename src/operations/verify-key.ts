import { DenialTally } from '../domain/denial-tally.ts';
import type { Request } from '../domain/decide.ts';
import { isName } from '../domain/names.ts';
import type { Store } from '../domain/store.ts';
import type { Verdict } from '../domain/verdict.ts';
import { findEnvironment } from './find-environment.ts';
import { presentedKey } from '../domain/presented-key.ts';
import { keyForms } from './key-forms.ts';

/** What is asked about a secret. The rules of `serve` apply, rate limit and address included. */
export interface VerifyKey {
  readonly apiKey: string;
  readonly service: string;
  /** The environment that is insisted on, by name or code, or null. */
  readonly environment: string | null;
  /** The client's address, or null when it is unknown, with which no key passes that is bound to ranges. */
  readonly ip: string | null;
  /** Take the credits, or count the denial; otherwise nothing is written, and a store that is open for reading will do. */
  readonly charge: boolean;
}

/** Decides as `serve` would. A denial is a verdict; throws `not_found` only for an environment that does not exist. */
export async function verifyKey(store: Store, { apiKey, service, environment, ip, charge }: VerifyKey): Promise<Verdict> {
  const request = await store.read(async (tx): Promise<Request> => ({
    subject: presentedKey(apiKey, await keyForms(tx)),
    // SECURITY: what is no name may be anything, and is asked for as the service that never exists.
    service: isName(service) ? service : '',
    environment: environment === null ? null : (await findEnvironment(tx, environment)).name,
    ...{ cost: null, ip, requestId: null, requestIdRule: 'json', dryRun: !charge, fromShell: false },
  }));
  return charge ? settleOne(store, request) : previewOne(store, request);
}

async function previewOne(store: Store, request: Request): Promise<Verdict> {
  const [preview] = await store.preview([request]);
  if (preview === undefined) throw new RangeError('a request without its preview');
  return preview.verdict;
}

async function settleOne(store: Store, request: Request): Promise<Verdict> {
  const [verdict] = await store.settle([request]);
  if (verdict === undefined) throw new RangeError('a request without its verdict');
  if (!verdict.valid) {
    await store.write(async (tx, now) => {
      const tally = new DenialTally();
      tally.add(verdict, request.ip, now);
      await tx.usage.addDenials(tally.take());
    });
  }
  return verdict;
}
