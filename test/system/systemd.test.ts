import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY } from '../harness.ts';
import { page, ROOT } from '../markdown.ts';
import { ask } from './http-client.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { eventually, freePort, start, type Running } from './running.ts';

let installation: Installation;
const running: Running[] = [];

beforeEach(() => {
  installation = new Installation();
});

afterEach(async () => {
  for (const process of running.splice(0).reverse()) await process.stop();
  installation.remove();
});

function started(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const process = start(program, args, env);
  running.push(process);
  return process;
}

/** What `serve` is started with, word for word from the unit. */
function unitArguments(): readonly string[] {
  const [, words = ''] = /^ExecStart=apikeyctl (serve .+)$/m.exec(page('recipes/systemd/keyctl.service')) ?? [];
  return words.split(' ');
}

describe('the units', () => {
  /** The recipes in a folder, with this checkout in place of an installed `apikeyctl`; the drop-ins of a node beside their units if it is one. */
  function units({ node = false } = {}): { folder: string; names: readonly string[] } {
    const folder = join(installation.folder, 'units');
    mkdirSync(folder);
    cpSync(join(ROOT, 'recipes/systemd'), folder, { recursive: true });
    const names = readdirSync(folder);
    if (node) cpSync(join(ROOT, 'recipes/nodes'), folder, { recursive: true });
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^ExecStart=apikeyctl /m, `ExecStart=${process.execPath} ${BINARY} `));
    }
    return { folder, names };
  }

  const analyze = (cwd: string, ...args: string[]) => promisify(execFile)(programPath('systemd-analyze'), args, { cwd });

  test.each([false, true])('are what systemd understands, down to the last directive; with the drop-ins of a node: %s', async (node) => {
    const { folder, names } = units({ node });
    expect(names).toEqual(['keyctl-reset.service', 'keyctl-reset.timer', 'keyctl.service', 'keyctl.socket']);
    const { stdout, stderr } = await analyze(folder, 'verify', '--man=no', ...names);
    // It also reads the units of this host that ours name; what it says of those is not ours.
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('keyctl'))).toEqual([]);
  });

  test.each([
    ['10', false],
    // The way to the database is what a node has more.
    ['15', true],
  ])('leave little to whoever breaks in: an exposure of %s tenths of 10 at most; as a node: %s', async (threshold, node) => {
    const { folder } = units({ node });
    for (const name of ['keyctl.service', 'keyctl-reset.service']) {
      // It exits 1 above the threshold, which it takes in tenths.
      const { stdout } = await analyze(folder, 'security', '--offline=true', `--threshold=${threshold}`, '--no-pager', name);
      expect(stdout).toMatch(/Overall exposure level for \S+: [\d.]+/);
    }
  });
});

describe('the units with the drop-ins of a node', () => {
  const setting = (unit: string, name: string): readonly (string | undefined)[] =>
    [...page(`recipes/nodes/${unit}`).matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);

  test('give way to the database and to the proxies, and to nobody else', () => {
    for (const unit of ['keyctl.service.d/postgres.conf', 'keyctl-reset.service.d/postgres.conf']) {
      // IPAddressDeny=any of the unit stays: what is allowed here is all.
      expect(setting(unit, 'IPAddressDeny')).toEqual([]);
      expect(setting(unit, 'IPAddressAllow')).toEqual(['10.0.0.0/24']);
      expect(setting(unit, 'EnvironmentFile')).toEqual(['/etc/keyctl/keyctl.env']);
    }
  });

  test('serve with the flag that makes it safe to ask a second node', () => {
    const [reset, started = ''] = setting('keyctl.service.d/postgres.conf', 'ExecStart');
    expect(reset).toBe('');
    for (const flag of ['--nginx', '--request-id-header X-Request-Id', '--allow-peer 10.0.0.0/24']) expect(started).toContain(flag);
  });
});

describe('socket activation, by the program of systemd', () => {
  /** Listens, and starts `serve` as the unit does with the first connection. */
  async function activated(listen: readonly string[], args: readonly string[] = unitArguments()): Promise<Running> {
    const settings = ['--fdname=keyctl', '-E', `KEYCTL_DB=${installation.db}`, '-E', `HOME=${installation.folder}`];
    const activator = started(programPath('systemd-socket-activate'), [
      ...listen.map((address) => `--listen=${address}`),
      ...settings,
      ...[process.execPath, BINARY, ...args],
    ]);
    await activator.said(/Listening on/);
    return activator;
  }

  test('on TCP: the request that wakes it up is answered and charged', async () => {
    const { secret } = await installation.customer('acme', { credits: 1_000 });
    const port = await freePort();
    const server = await activated([`127.0.0.1:${String(port)}`]);
    const answer = await ask(port, { path: '/verify', headers: { 'X-API-Key': secret, 'X-Request-Id': 'one' } });
    expect([answer.status, answer.headers['x-credits-available']]).toEqual([200, '900']);
    await server.said(new RegExp(`"address":"http://127.0.0.1:${String(port)}"`));
    expect(await server.stop()).toBe(0);
    expect(await installation.debits()).toHaveLength(1);
  });

  test('on a Unix socket', async () => {
    const { secret } = await installation.customer('acme', { credits: 1_000 });
    const path = join(installation.folder, 'k.sock');
    const server = await activated([path]);
    const status = await new Promise((resolve, reject) => {
      const headers = { 'X-API-Key': secret, Host: 'localhost' };
      request({ socketPath: path, path: '/verify', headers, agent: false }, (answer) => {
        resolve(answer.resume().statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    expect(await server.said(/"address":"unix:([^"]+)"/)).toMatchObject({ 1: path });
  });

  test('of two sockets, or of one that is open to the network without a rule, ends with what to do', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const several = await activated([`127.0.0.1:${String(port)}`, `127.0.0.1:${String(other)}`], ['serve']);
    await expect(ask(port, { path: '/healthz' })).rejects.toThrow();
    await several.said(/serve takes one socket, and was handed several/);
    const next = await freePort();
    const open = await activated([`0.0.0.0:${String(next)}`], ['serve']);
    await expect(ask(next, { path: '/healthz' })).rejects.toThrow();
    await open.said(/Off loopback, serve needs to know who may ask/);
  });
});

describe('readiness', () => {
  /** What a service manager listens with, since Node has no datagrams on Unix sockets. One line for each message, its own newlines as spaces. */
  const LISTENER = `
    use Socket; $| = 1;
    socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; print "bound\\n";
    while (defined recv($s, my $m, 8192, 0)) { $m =~ s/\\n/ /g; print "told: $m\\n"; }
  `;

  async function manager(): Promise<{ listener: Running; env: Record<string, string> }> {
    const path = join(installation.folder, 'notify.sock');
    const listener = started(programPath('perl'), ['-e', LISTENER, path]);
    await listener.said(/bound/);
    return { listener, env: { NOTIFY_SOCKET: path, KEYCTL_DB: installation.db } };
  }

  test('is told when the store is open and the port listens, and the end when it begins', async () => {
    programPath('systemd-notify');
    const { listener, env } = await manager();
    const port = await freePort();
    const server = started(process.execPath, [BINARY, 'serve', '--port', String(port)], env);
    await listener.said(/told: READY=1 STATUS=Serving on http/);
    expect((await ask(port, { path: '/readyz' })).status).toBe(200);
    expect(await server.stop()).toBe(0);
    await listener.said(/told: STOPPING=1/);
    expect(listener.output().match(/READY=1/g)).toHaveLength(1);
    expect(server.output()).not.toContain('systemd-notify could not');
  });

  test('is not told by a server that could not open its store, or not listen', async () => {
    const { listener, env } = await manager();
    const noStore = started(process.execPath, [BINARY, 'serve', '--port', '0'], { ...env, KEYCTL_DB: installation.folder });
    await noStore.said(/keyctl: /);
    await noStore.stop();
    const { process: first, port } = await installation.serve([]);
    running.push(first);
    const noPort = started(process.execPath, [BINARY, 'serve', '--port', String(port)], env);
    await noPort.said(/in use/);
    await noPort.stop();
    const last = started(programPath('systemd-notify'), ['STATUS=this comes last'], env);
    await listener.said(/this comes last/);
    await last.stop();
    expect(listener.output()).not.toContain('READY=1');
  });

  test('that cannot be told is no reason not to serve', async () => {
    const server = started(process.execPath, [BINARY, 'serve', '--port', '0'], {
      ...{ NOTIFY_SOCKET: join(installation.folder, 'nobody.sock'), KEYCTL_DB: installation.db },
    });
    const [, port] = await server.said(/http:\/\/127\.0\.0\.1:(\d+)/);
    await server.said(/systemd-notify could not tell the service manager/);
    expect(await eventually(async () => (await ask(Number(port), { path: '/readyz' })).status)).toBe(200);
  });
});
