import { Writable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { ROOT } from '../markdown.ts';
import { describeOutage } from './middleware-outage.ts';
import { describeMiddleware } from './middleware.ts';
import type { ProtectedApp, Recipe, Seen } from './protected-app.ts';

interface KeyctlForFastify {
  readonly keyctl: (scope: FastifyInstance, recipe: Recipe) => void;
  readonly refundFailures: (scope: FastifyInstance, recipe: Recipe) => void;
}

const FILE = 'recipes/fastify/keyctl.js';
const { keyctl, refundFailures } = (await import(`${ROOT}${FILE}`)) as KeyctlForFastify;

async function startApp(recipe: Recipe): Promise<ProtectedApp> {
  const seen: Seen[] = [];
  let log = '';
  const stream = new Writable({
    write: (chunk, _, done) => {
      log += String(chunk);
      done();
    },
  });
  const app = fastify({ forceCloseConnections: true, logger: { stream, level: 'info' } });
  // A logger that writes down all that it finds, when the answer is out.
  app.addHook('onResponse', async (request) => {
    request.log.info({ headers: request.headers }, 'done');
  });
  const remember = async (request: FastifyRequest): Promise<void> => {
    seen.push({ headers: { ...request.headers }, keyctl: (request as FastifyRequest & Pick<Seen, 'keyctl'>).keyctl });
  };
  await app.register(async (paid) => {
    keyctl(paid, recipe);
    refundFailures(paid, recipe);
    paid.addHook('preHandler', remember);
    paid.get('/things', async () => 'things');
    paid.get('/broken', async () => {
      throw new Error('broken');
    });
  });
  await app.register(async (dear) => {
    keyctl(dear, { ...recipe, service: 'search' });
    dear.addHook('preHandler', remember);
    dear.get('/search', async () => 'things');
  });
  app.get('/free', async () => 'free');
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: Number(new URL(address).port), seen, log: () => log, stop: () => app.close() };
}

describeMiddleware(FILE, startApp);
describeOutage(FILE, startApp);
