import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FollowedPage } from './followed-page.ts';
import { Installation, type Customer } from './system/installation.ts';
import { eventually, type Running } from './system/running.ts';

// docs/leaked-key.md, followed to the letter: each of its blocks is run by a shell, as it stands, in the page's order.

/** Each way starts some forty processes, on a machine that may be busy. */
const LONG_MS = 480_000;

let home: Installation;
let page: FollowedPage;
let server: Running;
let port: number;
let key: Customer;
let folder: string;

beforeEach(async () => {
  home = new Installation();
  page = new FollowedPage('docs/leaked-key.md', home);
  folder = page.folder;
  key = await home.customer('acme', { credits: 10_000 });
  page.secrets.push(key.secret);
  ({ process: server, port } = await home.serve(['--request-id-header', 'X-Request-Id']));
});

afterEach(async () => {
  await server.stop();
  home.remove();
});

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
  await page.follow('## Take the secret in hand', `${key.secret}\n`);
  expect(statSync(join(folder, 'leaked.key')).mode & 0o777).toBe(0o600);
  const whose = await page.follow('## Whose is it');
  expect(whose).toContain(`acme/main`);
  expect(whose).toContain(key.keyId);
  expect(whose).toMatch(/Today: +3 requests, 300 credits/);
}

/** From the key's end: it is dead, and whoever comes with it is seen. */
async function dead(): Promise<void> {
  expect(await request(key.secret, 'thief-0005')).toBe('api_key_disabled');
  await eventually(async () => {
    const [made, denied] = [await page.follow('## Make sure'), `127.0.0.1\tthief-0005`];
    expect(made).toContain('api_key_disabled');
    expect(made).toContain('exit 5');
    expect(made).toContain(denied);
  });
}

/** What is left to do once it is dead, to the end of the page. */
async function afterwards(ended: 'key.rotate' | 'key.disable'): Promise<void> {
  const used = await page.follow('## Who used it, since when');
  expect(used).toMatch(/^2\d{3}-\d\d-\d\d\t3\t300\t/m);
  expect(used).toMatch(/^deb_\w+\t.*\tthief-0003\t/m);
  expect(used).toContain('203.0.113.9 thief-0002\n203.0.113.9 thief-0003');
  expect(used).not.toContain('other-0004');
  expect(used).toContain('127.0.0.1\tthief-0005');
  expect(used).toContain(ended);
  await page.follow('## Give back what was spent');
  expect(await home.run(['account', 'view', 'acme', '--json'])).toContain('"spent":0,"remaining":10000');
  await page.follow('## Afterwards');
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
      await page.follow('### The customer gets another');
      const fresh = readFileSync(join(folder, 'new.key'), 'utf8').trim();
      expect(await request(fresh, 'first-0006')).toBe('ok');
      await home.run([
        'refund',
        (await home.debits(['--request-id', 'first-0006'])).map(({ id }) => String(id)).join(),
        '--reason',
        'a test',
      ]);
      await dead();
      await afterwards('key.rotate');
    },
    LONG_MS,
  );

  test(
    'nobody gets another',
    async () => {
      await found();
      await page.follow('### Nobody gets another');
      await dead();
      await afterwards('key.disable');
    },
    LONG_MS,
  );

  test(
    'the customer needs an hour: until then it passes from the customer’s addresses alone',
    async () => {
      await found();
      const [narrowed = '', ended = '', more] = page.blocks('### The customer needs an hour');
      expect(more).toBeUndefined();
      const { code, stdout } = await page.run(narrowed);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^key_\w+\tacme\tmain~1\t.*\t3$/m);
      expect(stdout).toMatch(/In its grace: until .*; still 3 requests in the last hour, 3 in 24 hours/);
      expect(await request(key.secret, 'thief-0005')).toBe('ip_not_allowed');
      const from = (ip: string) => page.run(`keyctl verify --ip ${ip} < leaked.key`);
      expect([(await from('198.51.100.7')).code, (await from('203.0.113.9')).code]).toEqual([0, 5]);
      expect((await page.run(ended)).code).toBe(0);
      // It is disabled as where nobody gets another, and what is left to do is the same.
      await dead();
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
  page.expectFollowed(followed.map((heading) => `## ${heading}`));
});
