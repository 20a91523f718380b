import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyctl } from '../harness.ts';
import { askPath, Service, type Started } from './service.ts';

let service: Service;

beforeEach(() => {
  service = new Service();
});

afterEach(() => service.end());

describe('--socket', () => {
  const started = (path: string, ...more: string[]): Started => service.serve(['--socket', path, ...more], 'ignore', { pid: '1' });

  test('has its mode, and its file goes with the server', async () => {
    const path = join(service.folder, 'k.sock');
    const server = started(path, '--socket-mode', '600');
    expect(await server.address()).toBe(`unix:${path}`);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
    expect(await askPath(path, '/readyz')).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(existsSync(path)).toBe(false);
    const usual = started(path);
    await usual.address();
    expect((statSync(path).mode & 0o777).toString(8)).toBe('660');
  });

  test('takes over what a killed server left, and not what a living one has', async () => {
    const path = join(service.folder, 'k.sock');
    const killed = started(path);
    await killed.address();
    await killed.signal('SIGKILL');
    await killed.code;
    expect(existsSync(path)).toBe(true);
    const next = started(path);
    await next.address();
    const { code, stderr } = await keyctl(['serve', '--socket', path], { db: service.db });
    expect([code, stderr]).toEqual([4, expect.stringContaining('in use')]);
    expect(await askPath(path, '/readyz')).toBe(200);
  });

  test('never removes what is no socket', async () => {
    const path = join(service.folder, 'precious');
    writeFileSync(path, 'mine');
    const { code, stderr } = await keyctl(['serve', '--socket', path], { db: service.db });
    expect([code, stderr]).toEqual([4, expect.stringContaining('no socket')]);
    expect(existsSync(path)).toBe(true);
  });

  test('with a path that the kernel would cut is refused, and nothing is left of it', async () => {
    const before = readdirSync(service.folder);
    const { code, stderr } = await keyctl(['serve', '--socket', join(service.folder, 'k'.repeat(100))], { db: service.db });
    expect([code, stderr]).toEqual([2, expect.stringContaining('107 bytes')]);
    expect(readdirSync(service.folder).filter((name) => !before.includes(name) && !name.startsWith('keyctl.db'))).toEqual([]);
  });
});
