// keyctl in a Fastify app: copy this file. Tested with Fastify 5; it needs nothing but Node 20.
//
//   import { keyctl, refundFailures } from './keyctl.js';
//
//   app.register(async (paid) => {
//     keyctl(paid);                                      // all routes of this scope; keyctl(paid, { service: 'search' }) for another price
//     refundFailures(paid);
//     paid.get('/things', async (request) => ({ account: request.keyctl.account }));
//   });
//   app.get('/health', async () => 'well');              // outside of it: free for everybody
//
// The other side of it, on the same host:
//
//   keyctl serve --environment production
//
// Register @fastify/cors before it: a preflight carries no key. On another host keyctl wants a token, and you encryption:
// keyctl(paid, { url: 'https://keyctl.internal', token }). Behind a proxy set Fastify's trustProxy, or keys that are bound to addresses
// are denied.

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';

const LOCAL = 'http://127.0.0.1:8080';
const PASSED_ON = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Credits-Consumed', 'X-Credits-Available'];
const DOWN = { valid: false, code: 'store_unavailable', status: 503, message: 'The verification service cannot answer now; try again.' };

/** Lets the requests to a scope's routes through whose key keyctl admits, with the verdict in `request.keyctl`. */
export function keyctl(scope, { url = LOCAL, service = 'default', token = '' } = {}) {
  scope.decorateRequest('keyctl', null);
  scope.addHook('onRequest', async (request, reply) => {
    const question = { apiKey: request.headers['x-api-key'] ?? '', service, ip: request.ip?.split('%')[0], requestId: randomUUID() };
    delete request.headers['x-api-key']; // So that nothing that logs requests writes it down.
    const { verdict, headers } = await ask(`${url}/v1/verify`, token, question);
    for (const name of PASSED_ON) if (headers.get(name)) reply.header(name, headers.get(name));
    request.keyctl = verdict;
    if (verdict?.valid === true) return;
    const { status, code, message: detail } = verdict?.valid === false ? verdict : DOWN;
    if (status === 401) reply.header('WWW-Authenticate', 'ApiKey realm="keyctl", header="X-API-Key"');
    const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail, code, requestId: question.requestId };
    return reply.code(status).header('Cache-Control', 'no-store').type('application/problem+json').send(JSON.stringify(problem));
  });
}

/** Optional: your own errors are not charged. A client that hangs up is, or it could have every answer for nothing. */
export function refundFailures(scope, { url = LOCAL, token = '' } = {}) {
  scope.addHook('onResponse', async (request, reply) => {
    if (request.keyctl?.valid === true && reply.statusCode >= 500) await ask(`${url}/v1/debits/${request.keyctl.debitId}/refund`, token);
  });
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
