import { spawnSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_SERVE_OPTIONS, type ServeOptions } from '../../src/http/options.ts';
import { startServer } from '../../src/http/server.ts';
import { temporaryFolder, temporaryStore } from '../harness.ts';
import { NOON, Served, createService } from './served.ts';

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Tries to start and returns the code of the failure. */
async function refusal(options: Partial<ServeOptions>): Promise<{ code: unknown; hint: unknown; message: string }> {
  const { store, clock, cleanUp } = await temporaryStore(NOON);
  try {
    const deps = { store, clock: () => clock.now, log: SILENT, version: '0' };
    const server = await startServer({ ...DEFAULT_SERVE_OPTIONS, port: 0, ...options }, deps);
    await server.stop();
    throw new Error('the server started');
  } catch (error) {
    const { code, hint, message } = error as { code: unknown; hint: unknown; message: string };
    return { code, hint, message };
  } finally {
    await cleanUp();
  }
}

describe('a server that would not be safe does not start', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.com', '*', ''])('off loopback without a token or allowed peers: %s', async (host) => {
    const { code, hint } = await refusal({ host });
    expect(code).toBe('usage');
    expect(hint).toContain('--token-file');
  });

  const bad: [string, Partial<ServeOptions>][] = [
    ['an empty token', { token: '' }],
    ['an empty token off loopback', { token: '', host: '0.0.0.0' }],
    ['a token with a newline', { token: 'a\nb' }],
    ['a token with spaces', { token: '  ' }],
    ['a range that is none', { allowPeer: ['everybody'] }],
    ['a trusted range that is none', { trustProxy: ['10.0.0.0/33'] }],
    ['allowed peers on a socket', { socket: { path: 'x', mode: 0o600 }, allowPeer: ['10.0.0.0/8'] }],
    ['a port that is none', { port: 65_536 }],
    ['a header that is none', { header: 'X API Key' }],
    ['a header that is taken', { header: 'Host' }],
    ['one header for two things', { requestIdHeader: 'x-api-key' }],
    ['the header of the token', { token: 'a', header: 'Authorization' }],
    ['a service that is no name', { service: 'Default' }],
    ['an exhausted status that is no denial', { exhaustedStatus: 200 }],
    ['an exhausted status that is a failure', { exhaustedStatus: 500 }],
    ['a fraction as a status', { exhaustedStatus: 402.5 }],
  ];
  test.each(bad)('with %s', async (_, options) => {
    expect((await refusal(options)).code).toBe('usage');
  });

  test('for an environment that does not exist, whose name is not repeated', async () => {
    const { code, message, hint } = await refusal({ environment: 'kc_prod_secret' });
    expect(code).toBe('not_found');
    expect(`${message} ${String(hint)}`).not.toContain('kc_prod');
  });
});

describe('a place that is taken', () => {
  test('is a conflict', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    expect((await refusal({ port })).code).toBe('conflict');
    await new Promise((resolve) => other.close(resolve));
  });

  test('by a socket on which somebody listens is a conflict, and that one lives on', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 's');
    const other = createServer((socket) => socket.on('error', () => undefined).end('here'));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    expect((await refusal({ socket: { path, mode: 0o600 } })).code).toBe('conflict');
    const word = await new Promise((resolve) =>
      connect(path).on('data', (data) => {
        resolve(String(data));
      }),
    );
    expect(word).toBe('here');
    await new Promise((resolve) => other.close(resolve));
    folder.cleanUp();
  });

  test('by a file that is no socket is refused, and the file stays', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 'precious');
    writeFileSync(path, 'data');
    expect((await refusal({ socket: { path, mode: 0o600 } })).code).toBe('conflict');
    expect(existsSync(path)).toBe(true);
    folder.cleanUp();
  });

  test('by the socket of a server that was killed is taken over', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 's');
    const killed = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    expect(spawnSync(process.execPath, ['-e', killed, path]).signal).toBe('SIGKILL');
    expect(existsSync(path)).toBe(true);
    const { store, clock, cleanUp } = await temporaryStore(NOON);
    const deps = { store, clock: () => clock.now, log: SILENT, version: '0' };
    const server = await startServer({ ...DEFAULT_SERVE_OPTIONS, socket: { path, mode: 0o660 } }, deps);
    expect(server.address).toBe(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await server.stop();
    expect(existsSync(path)).toBe(false);
    await cleanUp();
    folder.cleanUp();
  });
});

describe('at its start the server', () => {
  test('warns of services on which development keys pass', async () => {
    const served = await Served.start();
    expect(served.logs).toContainEqual(expect.objectContaining({ level: 'warn', fields: { services: ['default'] } }));
    await served.end();
  });

  test('is silent where the environment is fixed', async () => {
    const served = await Served.start({ environment: 'prod' });
    expect(served.logs.filter(({ level }) => level !== 'info')).toEqual([]);
    await served.end();
  });

  test('is silent where the only service it serves is bound to one', async () => {
    const served = await Served.start({ service: 'paid', before: (store) => createService(store, 'paid', 1, 'production') });
    expect(served.logs.filter(({ level }) => level !== 'info')).toEqual([]);
    await served.end();
  });

  test('warns of a service that does not exist', async () => {
    const served = await Served.start({ service: 'gone', environment: 'prod' });
    expect(served.logs.filter(({ level }) => level === 'warn')).toHaveLength(1);
    await served.end();
  });
});
