// keyctl in an Express app: copy this file. Tested with Express 5; it needs nothing but Node 20.
//
//   import { keyctl, refundFailures } from './keyctl.js';
//
//   app.use(cors());                                     // yours, before it: a preflight carries no key
//   app.use('/search', keyctl({ service: 'search' }));   // another price; a request should meet only one of them
//   app.use('/things', keyctl(), refundFailures());
//   app.get('/things', (req, res) => res.json({ account: req.keyctl.account }));
//
// The other side of it, on the same host:
//
//   keyctl serve --environment production
//
// On another host keyctl wants a token, and you encryption: keyctl({ url: 'https://keyctl.internal', token }). Behind a proxy set
// Express's "trust proxy", or keys that are bound to addresses are denied.

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';

const LOCAL = 'http://127.0.0.1:8080';
const PASSED_ON = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Credits-Consumed', 'X-Credits-Available'];
const DOWN = { valid: false, code: 'store_unavailable', status: 503, message: 'The verification service cannot answer now; try again.' };

/** Lets the requests through whose key keyctl admits, with the verdict in `req.keyctl`. */
export function keyctl({ url = LOCAL, service = 'default', token = '' } = {}) {
  return async (req, res, next) => {
    const question = { apiKey: req.get('X-API-Key') ?? '', service, ip: req.ip?.split('%')[0], requestId: randomUUID() };
    delete req.headers['x-api-key']; // So that nothing that logs requests writes it down.
    const { verdict, headers } = await ask(`${url}/v1/verify`, token, question);
    for (const name of PASSED_ON) if (headers.get(name)) res.set(name, headers.get(name));
    req.keyctl = verdict;
    if (verdict?.valid === true) return next();
    const { status, code, message: detail } = verdict?.valid === false ? verdict : DOWN;
    if (status === 401) res.set('WWW-Authenticate', 'ApiKey realm="keyctl", header="X-API-Key"');
    const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail, code, requestId: question.requestId };
    res.status(status).set('Cache-Control', 'no-store').type('application/problem+json').send(JSON.stringify(problem));
  };
}

/** Optional, after it: your own errors are not charged. A client that hangs up is, or it could have every answer for nothing. */
export function refundFailures({ url = LOCAL, token = '' } = {}) {
  return (req, res, next) => {
    res.on('finish', () => {
      if (req.keyctl?.valid === true && res.statusCode >= 500) void ask(`${url}/v1/debits/${req.keyctl.debitId}/refund`, token);
    });
    next();
  };
}

/**
 * Asks a second time when the first answer was lost, which the request's id makes safe: nobody is charged twice. Without an answer, or
 * with one that is no verdict, the verdict is 503: what keyctl did not admit does not pass.
 */
async function ask(url, token, body) {
  const once = async () => {
    const headers = { 'Content-Type': 'application/json', ...(token === '' ? {} : { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(2_000) });
    if (answer.status !== 200) throw new Error(`No answer but ${answer.status}`);
    return { verdict: await answer.json(), headers: answer.headers };
  };
  return once()
    .catch(once)
    .catch(() => ({ verdict: DOWN, headers: new Map([['Retry-After', '1']]) }));
}
