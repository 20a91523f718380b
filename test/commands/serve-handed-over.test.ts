import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { handedOver, takeServiceVariables } from '../../src/commands/serve-variables.ts';
import { keyctl, NO_SERVICE_VARIABLES } from '../harness.ts';
import { eventually } from '../system/running.ts';
import { askPath, ON_LOOPBACK, Service, status, type Third } from './service.ts';

let service: Service;

beforeEach(() => {
  service = new Service();
});

afterEach(() => service.end());

describe('a socket that was handed over', () => {
  test('is served on: TCP on loopback, at its own port', async () => {
    const started = service.serve([], ON_LOOPBACK);
    const url = `http://127.0.0.1:${await started.said(/port=(\d+)/)}`;
    expect(await started.address()).toBe(url);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    expect(await started.stop()).toBe(0);
  });

  test('is served on: a Unix socket, whose mode and file are left alone, at the end too', async () => {
    const path = join(service.folder, 'handed.sock');
    const started = service.serve([], { path }, { more: `KEYCTL_SERVE_SOCKET_MODE=600` });
    expect(await started.address()).toBe(`unix:${path}`);
    const { ino, mode } = statSync(path);
    expect((mode & 0o777).toString(8)).not.toBe('600');
    expect(await askPath(path, '/metrics')).toBe(200);
    expect(await started.stop()).toBe(0);
    expect(statSync(path)).toMatchObject({ ino, mode });
  });

  test('beats what the environment says of ports and sockets', async () => {
    const path = join(service.folder, 'other.sock');
    const started = service.serve([], ON_LOOPBACK, { more: `KEYCTL_SERVE_PORT=1 KEYCTL_SERVE_SOCKET='${path}'` });
    expect(await started.address()).toBe(`http://127.0.0.1:${await started.said(/port=(\d+)/)}`);
    expect(existsSync(path)).toBe(false);
  });

  test.each(['0.0.0.0', '::'])('on %s is off loopback, and the rules of access are those', async (host) => {
    const refused = service.serve([], { host, port: 0 });
    expect(await refused.code).toBe(2);
    expect(refused.output()).toContain('--token-file');
    const started = service.serve(['--allow-peer', '127.0.0.1/32'], { host, port: 0 });
    await started.address();
    // Off loopback an allowed peer needs no loopback Host; on loopback without a token it would.
    const port = Number(await started.said(/port=(\d+)/));
    expect(await status({ host: '127.0.0.1', port, path: '/metrics', headers: { Host: 'keyctl.example' } })).toBe(200);
  });

  test('on loopback keeps its rules too: what a proxy could have passed on gets no free answers', async () => {
    const started = service.serve(['--allow-peer', '127.0.0.1/32'], ON_LOOPBACK);
    const port = Number(new URL(await started.address()).port);
    expect(await status({ host: '127.0.0.1', port, path: '/metrics', headers: { Host: 'keyctl.example' } })).toBe(403);
  });

  test('for another process counts for nothing', async () => {
    const started = service.serve(['--port', '0'], ON_LOOPBACK, { pid: '1' });
    expect(await started.address()).not.toContain(`:${await started.said(/port=(\d+)/)}`);
  });

  test.each([
    ['--port', '0'],
    ['--host', '127.0.0.1'],
    ['--socket', 's'],
    ['--socket-mode', '600'],
  ])('excludes %s', async (...flags) => {
    const started = service.serve(flags, ON_LOOPBACK);
    expect(await started.code).toBe(2);
    expect(started.output()).toContain('was handed a socket');
  });

  test.each(['2', 'x'])('is one, not %s', async (fds) => {
    const started = service.serve([], ON_LOOPBACK, { fds });
    expect(await started.code).toBe(2);
    expect(started.output()).not.toContain('unexpectedly');
  });

  test.each<Third>(['file', 'pipe', 'ignore'])('is a socket that listens: not %j', async (third) => {
    const started = service.serve([], third);
    expect(await started.code).toBe(1);
    expect(started.output()).toMatch(/no socket that serve can listen on|does not listen/);
    expect(started.output()).not.toContain('unexpectedly');
  });
});

describe('a server that is started again', () => {
  test('on the same socket loses no request, and every answer is in the debits', async () => {
    const key = (await keyctl(['create', '--name', 'prod'], { db: service.db })).stdout.trim();
    await keyctl(['tier', 'edit', 'free', '--rate', 'none', '--daily-credits', '1000000000'], { db: service.db });
    const started = service.serve([], ON_LOOPBACK, { runs: 3 });
    const port = Number(new URL(await started.address()).port);
    const outcomes: unknown[] = [];
    let over = false;
    const client = async (): Promise<void> => {
      while (!over) {
        // A connection for each: what was accepted before the end, and what waits in the socket until the next server, are both answered.
        const asked = status({ host: '127.0.0.1', port, path: '/verify', headers: { 'X-API-Key': key } });
        outcomes.push(await asked.catch((error: unknown) => String(error)));
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let turn = 1; turn < 3; turn += 1) {
      const before = outcomes.length;
      await eventually(() => {
        expect(outcomes.length).toBeGreaterThan(before + 50);
      });
      await started.signal('SIGTERM');
      await eventually(() => {
        expect(started.output().match(/"listening"/g)).toHaveLength(turn + 1);
      });
    }
    over = true;
    await Promise.all(clients);
    expect([...new Set(outcomes)]).toEqual([200]);
    expect(await started.stop()).toBe(0);
    const { stdout } = await keyctl(['usage', '--json'], { db: service.db });
    expect(JSON.parse(stdout)).toMatchObject({ total: { requests: outcomes.length } });
  });
});

describe('the variables', () => {
  const told = { ...NO_SERVICE_VARIABLES, pid: 17, listenPid: '17', listenFds: '1', listenNames: 'web:other' };

  test('are taken out of the environment, whoever they were for', () => {
    const env = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a', NOTIFY_SOCKET: '/run/n', HOME: '/root' };
    expect(takeServiceVariables(env, 17)).toEqual({ pid: 17, listenPid: '1', listenFds: '1', listenNames: 'a', notifySocket: '/run/n' });
    expect(env).toEqual({ HOME: '/root' });
    expect(takeServiceVariables(env, 17)).toEqual({ ...NO_SERVICE_VARIABLES, pid: 17 });
  });

  test('name descriptor 3', () => {
    expect(handedOver(told)).toEqual({ fd: 3, name: 'web' });
    expect(handedOver({ ...told, listenNames: undefined })).toEqual({ fd: 3, name: 'handed over' });
  });

  test.each([
    { listenPid: '18' },
    { listenPid: undefined },
    { listenPid: '' },
    { listenPid: '17 ' },
    { listenFds: undefined },
    { listenFds: '0' },
  ])('mean nothing with %j', (patch) => {
    expect(handedOver({ ...told, ...patch })).toBeNull();
  });

  test.each(['2', '99999'])('%s sockets are too many', (listenFds) => {
    expect(() => handedOver({ ...told, listenFds })).toThrow('several');
  });

  test.each(['', '-1', '1x', '1e3', '999999'])('%j is no number of sockets', (listenFds) => {
    expect(() => handedOver({ ...told, listenFds })).toThrow('LISTEN_FDS');
  });
});
