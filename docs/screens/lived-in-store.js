// A store that looks lived in: a week of traffic of a few customers, settled by the program itself under a clock that is moved along.
import { randomBytes } from 'node:crypto';
import { digestApiKey, mintApiKey } from '../../bench/parts/api-key.js';
import { openStore } from '../../bench/parts/open-store.js';
import { newId } from '../../bench/parts/random.js';

const MS_PER_HOUR = 3_600_000;
const DAYS = 7;
/** Requests of an hour, by the hour of the day: a night, a morning, lunch, an afternoon. */
const PROFILE = [2, 1, 1, 1, 2, 4, 9, 16, 24, 28, 30, 27, 20, 26, 31, 29, 25, 18, 12, 9, 7, 5, 4, 3];
const CUSTOMERS = [
  { name: 'acme', tier: 'standard', keys: ['prod', 'web shop', 'tests'], size: 12 },
  { name: 'globex', tier: 'free', keys: ['prod'], size: 5 },
  { name: 'initech', tier: 'startup', keys: ['prod', 'reports'], size: 20 },
  { name: '株式会社', tier: 'free', keys: ['本番'], size: 1 },
];

/** Fills a new store at `path`, up to now. Returns the secret of a key whose account has credits left at any hour of the day. */
export async function makeLivedInStore(path) {
  const now = Date.now();
  const clock = { now: Math.floor(now / MS_PER_HOUR) * MS_PER_HOUR - DAYS * 24 * MS_PER_HOUR };
  const { store } = await openStore({ location: path, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 1_000 });
  const customers = [];
  for (const [place, customer] of CUSTOMERS.entries()) customers.push(await addCustomer(store, customer, place));
  for (; clock.now <= now; clock.now += MS_PER_HOUR / 2) {
    for (const customer of customers) await spend(store, customer, clock.now);
  }
  await store.close();
  return customers[CUSTOMERS.findIndex(({ name }) => name === 'initech')].secrets[0];
}

async function addCustomer(store, { name, tier, keys, size }, place) {
  const account = await store.write((tx, at) =>
    tx.accounts.insert(
      {
        id: newId('acct', randomBytes),
        name: /^[a-z]/.test(name) ? name : 'kaisha',
        externalId: `C-100${String(place)}`,
        createdAt: at,
        suspendedAt: null,
      },
      tier,
    ),
  );
  const secrets = [];
  for (const [index, key] of keys.entries()) secrets.push(await addKey(store, account, key, index));
  return { secrets, size };
}

async function addKey(store, account, name, index) {
  const secret = mintApiKey('kc', 'prod', randomBytes);
  await store.write((tx, at) =>
    tx.keys.insert({
      ...{ id: newId('key', randomBytes), accountRef: account.ref, name, environment: 'production', digest: digestApiKey(secret) },
      ...{
        mask: `${secret.slice(0, 12)}…${secret.slice(-4)}`,
        note: null,
        createdAt: at,
        expiresAt: index === 2 ? at + 11 * 24 * MS_PER_HOUR : null,
      },
      ...{ disabledAt: null, disabledReason: null, deletedAt: null, rotatedFrom: null, rotatedTo: null, services: [], allowedIps: [] },
      ...{ dailyCap: null, capGroup: null },
    }),
  );
  return secret;
}

/** Half an hour of one customer. */
async function spend(store, { secrets, size }, at) {
  const hour = new Date(at).getUTCHours();
  const count = Math.round(((PROFILE[hour] ?? 0) * size) / 2);
  const requests = Array.from({ length: count }, (_, place) => ({
    ...{ subject: { kind: 'digest', digest: digestApiKey(secrets[place % secrets.length]) }, service: 'default', environment: null },
    ...{ cost: null, ip: null, requestId: null, requestIdRule: 'json', dryRun: false, fromShell: true },
  }));
  const verdicts = await store.settle(requests);
  const denied = verdicts.filter(({ valid }) => !valid);
  const [first] = denied;
  if (first === undefined) return;
  await store.write((tx) =>
    tx.usage.addDenials([
      {
        at,
        keyId: first.keyId,
        account: first.account,
        service: 'default',
        code: first.code,
        ip: '203.0.113.9',
        requestId: null,
        count: denied.length,
      },
    ]),
  );
}
