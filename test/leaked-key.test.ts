import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY, type Outcome } from './harness.ts';
import { page, section } from './markdown.ts';
import { Installation, type Customer } from './system/installation.ts';
import { eventually, type Running } from './system/running.ts';

// docs/leaked-key.md, followed to the letter: each of its blocks is run by a shell, as it stands, in the page's order.

/** Each way starts some forty processes, on a machine that may be busy. */
const LONG_MS = 120_000;
const PAGE = page('docs/leaked-key.md');

function blocks(heading: string): readonly string[] {
  return [...section(PAGE, heading).matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
}

let home: Installation;
let server: Running;
let port: number;
let key: Customer;
let folder: string;
/** What the page has a shell remember from one block to the next. */
let remembered: string;

beforeEach(async () => {
  home = new Installation();
  const bin = join(home.folder, 'bin');
  folder = join(home.folder, 'work');
  for (const path of [bin, folder]) mkdirSync(path);
  writeFileSync(join(bin, 'keyctl'), `#!/bin/sh\nexec '${process.execPath}' '${BINARY}' "$@"\n`);
  chmodSync(join(bin, 'keyctl'), 0o755);
  remembered = '';
  key = await home.customer('acme', { credits: 10_000 });
  ({ process: server, port } = await home.serve(['--request-id-header', 'X-Request-Id']));
});

afterEach(async () => {
  await server.stop();
  home.remove();
});

function shell(script: string, stdin: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: `${home.folder}/bin:${process.env['PATH'] ?? ''}`, HOME: home.folder, KEYCTL_DB: home.db };
    const child = spawn('/bin/sh', ['-e', '-c', script], { env, cwd: folder, stdio: 'pipe' });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
    child.stdin.end(stdin);
  });
}

/** Runs the blocks under a heading; what they print. */
async function follow(heading: string, stdin = ''): Promise<string> {
  const found = blocks(heading);
  expect(found.length).toBeGreaterThan(0);
  let printed = '';
  for (const block of found) {
    const { code, stdout, stderr } = await shell(`${remembered}\n${block}`, stdin);
    expect({ block, code, stderr: code === 0 ? '' : stderr }).toEqual({ block, code: 0, stderr: '' });
    if (/^[A-Z]+=/.test(block)) remembered += block;
    // SECURITY: nothing that the page has anybody do shows the secret again.
    expect(stdout + stderr).not.toContain(key.secret);
    printed += stdout;
  }
  return printed;
}

/** A request that comes through the proxy, which gives it an id. */
function request(secret: string, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-API-Key': secret, 'X-Request-Id': id };
    get({ host: '127.0.0.1', port, path: '/verify', headers, agent: false }, (res) => {
      res.resume();
      resolve(String(res.headers['x-keyctl-code']));
    }).on('error', reject);
  });
}

async function found(): Promise<void> {
  for (const id of ['first-0001', 'thief-0002', 'thief-0003']) expect(await request(key.secret, id)).toBe('ok');
  writeFileSync(
    join(folder, 'access.log'),
    '198.51.100.7 first-0001\n203.0.113.9 thief-0002\n203.0.113.9 thief-0003\n192.0.2.1 other-0004\n',
  );
  await follow('## Take the secret in hand', `${key.secret}\n`);
  expect(statSync(join(folder, 'leaked.key')).mode & 0o777).toBe(0o600);
  const whose = await follow('## Whose is it');
  expect(whose).toContain(`acme/main`);
  expect(whose).toContain(key.keyId);
  expect(whose).toMatch(/Today: +3 requests, 300 credits/);
}

/** From the key's end to the end of the page. */
async function therefrom(ended: 'key.rotate' | 'key.disable'): Promise<void> {
  expect(await request(key.secret, 'thief-0005')).toBe('api_key_disabled');
  await eventually(async () => {
    const [made, denied] = [await follow('## Make sure'), `127.0.0.1\tthief-0005`];
    expect(made).toContain('api_key_disabled');
    expect(made).toContain('exit 5');
    expect(made).toContain(denied);
  });
  const used = await follow('## Who used it, since when');
  expect(used).toMatch(/^2\d{3}-\d\d-\d\d\t3\t300\t/m);
  expect(used).toMatch(/^deb_\w+\t.*\tthief-0003\t/m);
  expect(used).toContain('203.0.113.9 thief-0002\n203.0.113.9 thief-0003');
  expect(used).not.toContain('other-0004');
  expect(used).toContain('127.0.0.1\tthief-0005');
  expect(used).toContain(ended);
  await follow('## Give back what was spent');
  expect(await home.run(['account', 'view', 'acme', '--json'])).toContain('"spent":0,"remaining":10000');
  await follow('## Afterwards');
  const rule = readFileSync(join(folder, 'gitleaks.toml'), 'utf8');
  const [, pattern = ''] = /^regex = '''(.*)'''$/m.exec(rule) ?? [];
  expect(`const key = "${key.secret}";`).toMatch(new RegExp(pattern));
  for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), 'utf8')).not.toContain(key.secret);
  expect(existsSync(join(folder, 'leaked.key'))).toBe(false);
}

describe('a leaked key, by the page', () => {
  test(
    'the customer gets another: the old one is dead with the command, the new one passes',
    async () => {
      await found();
      await follow('### The customer gets another');
      const fresh = readFileSync(join(folder, 'new.key'), 'utf8').trim();
      expect(await request(fresh, 'first-0006')).toBe('ok');
      await home.run([
        'refund',
        (await home.debits(['--request-id', 'first-0006'])).map(({ id }) => String(id)).join(),
        '--reason',
        'a test',
      ]);
      await therefrom('key.rotate');
    },
    LONG_MS,
  );

  test(
    'nobody gets another',
    async () => {
      await found();
      await follow('### Nobody gets another');
      await therefrom('key.disable');
    },
    LONG_MS,
  );

  test(
    'the customer needs an hour: until then it passes from the customer’s addresses alone',
    async () => {
      await found();
      const [narrowed = '', ended = '', more] = blocks('### The customer needs an hour');
      expect(more).toBeUndefined();
      const { code, stdout } = await shell(remembered + narrowed, '');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^key_\w+\tacme\tmain~1\t.*\t3$/m);
      expect(stdout).toMatch(/In its grace: until .*; still 3 requests in the last hour, 3 in 24 hours/);
      expect(await request(key.secret, 'thief-0005')).toBe('ip_not_allowed');
      const from = (ip: string) => shell(`keyctl verify --ip ${ip} < leaked.key`, '');
      expect([(await from('198.51.100.7')).code, (await from('203.0.113.9')).code]).toEqual([0, 5]);
      expect((await shell(remembered + ended, '')).code).toBe(0);
      await therefrom('key.disable');
    },
    LONG_MS,
  );
});

test('every block of the page stands under a heading that is followed', () => {
  const followed = [
    'Take the secret in hand',
    'Whose is it',
    'End it',
    'Make sure',
    'Who used it, since when',
    'Give back what was spent',
    'Afterwards',
  ];
  const all = [...PAGE.matchAll(/^```/gm)].length / 2;
  expect(followed.flatMap((heading) => blocks(`## ${heading}`))).toHaveLength(all);
});
