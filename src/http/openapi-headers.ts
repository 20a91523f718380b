type Json = Record<string, unknown>;

interface Header {
  readonly description: string;
  readonly required: boolean;
  readonly schema: Json;
}

function header(description: string, schema: Json = {}): Header {
  return { description, required: true, schema: { type: 'string', ...schema } };
}

/** In every answer about a key and with every problem, empty where unknown, so that what a client sent under these names never stands. */
const ALWAYS = {
  'X-Keyctl-Code': header('What programs read: the code of the verdict or of the problem.', { pattern: '^[a-z_]+$' }),
  'X-Keyctl-Status': header("The true status, also where the answer's own had to be another.", { pattern: '^[1-5][0-9]{2}$' }),
  'X-Keyctl-Account': header("The account's name."),
  'X-Keyctl-Key-Id': header("The key's id; never the key."),
  'X-Keyctl-Environment': header("The key's environment."),
  'X-Keyctl-Tier': header('The tier that holds today.'),
  'X-Keyctl-Limited-By': header('Whose allowance is the tighter one.', { enum: ['', 'account', 'key'] }),
  'X-Keyctl-Debit-Id': header('The charge; for a repeated request the first one.', { pattern: '^(deb_[0-9a-z]+)?$' }),
  'X-Request-Id': header('The request id that counted.', { pattern: '^[\\x21-\\x7e]{0,128}$' }),
  'X-Credits-Consumed': header('Credits that this very request took.', { pattern: '^[0-9]+$' }),
  'X-Credits-Available': header('Credits left today, of the tighter allowance.', { pattern: '^[0-9]*$' }),
};
const NO_STORE = { 'Cache-Control': header('Answers are not to be kept.', { const: 'no-store' }) };
const RETRY_AFTER = { 'Retry-After': header('Whole seconds, rounded up.', { pattern: '^[0-9]+$' }) };
const CHALLENGE = { 'WWW-Authenticate': header('How to say who asks.') };
/** Where the account is known and something can run out. */
const LIMITS = {
  'RateLimit-Policy': header('"daily" counts requests of this price until 00:00 UTC, "rate" is the burst of the tier.'),
  RateLimit: header('What is left of each policy, and for how many seconds; draft-ietf-httpapi-ratelimit-headers-11.'),
};

/** The denials that end by waiting; `Retry-After` says how long. */
const WAITING = new Set(['insufficient_credits', 'request_limit_reached', 'store_unavailable']);
/** Where no account is known. */
const ANONYMOUS = new Set(['unknown_service', 'missing_api_key', 'invalid_api_key', 'store_unavailable']);

/** `/healthz`, `/metrics` and `/openapi.json` speak of no key. */
export const PLAIN_HEADERS: Json = NO_STORE;

/**
 * The headers of an answer with one of these codes. `known`: whether it may be about a key that the route looked up in full.
 * What only some of the codes have, or may be missing with them, is not required.
 */
export function headersWith(status: number, codes: readonly string[], known: boolean): Json {
  const waiting = codes.filter((code) => WAITING.has(code)).length;
  return {
    ...ALWAYS,
    ...NO_STORE,
    ...(known && codes.some((code) => !ANONYMOUS.has(code)) ? optional(LIMITS) : {}),
    ...(waiting === 0 ? {} : waiting === codes.length ? RETRY_AFTER : optional(RETRY_AFTER)),
    ...(status === 401 ? CHALLENGE : {}),
  };
}

function optional(headers: Readonly<Record<string, Header>>): Json {
  return Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, { ...header, required: false }]));
}
