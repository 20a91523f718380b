import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import fastify from 'fastify';
import { page } from '../markdown.ts';
import { ask, jsonOf, type Answer } from '../system/http-client.ts';
import { Counterpart } from './counterpart.ts';
import { close, listen } from './protected-app.ts';

// The ten lines of recipes/README.md, as they stand there, in a real app over a real `keyctl serve`.

const RECIPE = 'recipes/express/keyctl.js';
const BLOCKS = [...page('recipes/README.md').matchAll(/^```js\n(.*?)^```$/gms)].map(([, lines = '']) => lines);

interface App {
  readonly port: number;
  stop(): Promise<void>;
}

/** Has the lines say what they say to `app`, with keyctl at another address. */
async function add(lines: string, app: object, url: string): Promise<void> {
  const code = `export const add = (app) => { ${lines.replace('http://127.0.0.1:8080', url)} };`;
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { add: (app: object) => void };
  module.add(app);
}

let reached: string[];

async function startExpress(lines: string, url: string): Promise<App> {
  const app = express();
  await add(lines, app, url);
  app.get('/things', (req, res) => {
    reached.push((req as unknown as { keyctl: { account: string } }).keyctl.account);
    res.send('things');
  });
  const server = createServer(app);
  return { port: await listen(server), stop: () => close(server) };
}

async function startFastify(lines: string, url: string): Promise<App> {
  const app = fastify({ forceCloseConnections: true });
  await add(lines, app, url);
  app.get('/things', async (request) => {
    reached.push((request as unknown as { keyctl: { account: string } }).keyctl.account);
    return 'things';
  });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return { port: Number(new URL(address).port), stop: () => app.close() };
}

describe.each([
  ['Express', 0, startExpress],
  ['Fastify', 1, startFastify],
])('ten lines in %s', (_, place, startApp) => {
  const lines = BLOCKS[place] ?? '';
  let keyctl: Counterpart;
  let app: App;

  beforeEach(async () => {
    reached = [];
    keyctl = await Counterpart.start(RECIPE);
    app = await startApp(lines, keyctl.url);
  });

  afterEach(async () => {
    await app.stop();
    await keyctl.end();
  });

  const get = (apiKey?: string): Promise<Answer> =>
    ask(app.port, { path: '/things', headers: apiKey === undefined ? {} : { 'X-API-Key': apiKey } });

  test('are ten at most', () => {
    expect(lines.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  });

  test('let a key pass until its credits are spent, charged once for each request, and nobody else', async () => {
    const { apiKey } = await keyctl.holder('acme', 250);
    expect([await get(apiKey), await get(apiKey)]).toMatchObject([
      { status: 200, body: 'things' },
      { status: 200, body: 'things' },
    ]);
    const spent = await get(apiKey);
    expect([spent.status, jsonOf(spent.body)]).toMatchObject([402, { code: 'insufficient_credits' }]);
    const nobody = await get();
    expect([nobody.status, jsonOf(nobody.body)]).toMatchObject([401, { code: 'missing_api_key' }]);
    expect((await get(`${apiKey}x`)).status).toBe(401);
    expect(await keyctl.debits('acme')).toHaveLength(2);
    expect(reached).toEqual(['acme', 'acme']);
  });

  test('are 503 without an answer', async () => {
    const { apiKey } = await keyctl.holder('acme', 1_000);
    await keyctl.down();
    const answer = await get(apiKey);
    expect([answer.status, jsonOf(answer.body)]).toMatchObject([503, { code: 'store_unavailable' }]);
    expect(reached).toEqual([]);
  });
});
