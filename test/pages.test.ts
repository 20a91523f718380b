import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FollowedPage } from './followed-page.ts';
import { Installation } from './system/installation.ts';
import { eventually } from './system/running.ts';

// The pages for single jobs, followed to the letter, each from where its reader stands.

/** A page starts some thirty processes, on a machine that may be busy. */
const LONG_MS = 480_000;

let home: Installation;

beforeEach(() => {
  home = new Installation();
});

afterEach(() => {
  home.remove();
});

function request(port: number, secret: string, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-API-Key': secret, 'X-Request-Id': id };
    get({ host: '127.0.0.1', port, path: '/verify', headers, agent: false }, (res) => {
      res.resume();
      resolve(String(res.headers['x-keyctl-code']));
    }).on('error', reject);
  });
}

/** Follows the sections of a page in their order; what each printed, by its heading. */
async function followAll(page: FollowedPage, headings: readonly string[]): Promise<Readonly<Record<string, string>>> {
  page.expectFollowed(headings.map((heading) => `## ${heading}`));
  const printed: Record<string, string> = {};
  for (const heading of headings) printed[heading] = await page.follow(`## ${heading}`);
  return printed;
}

/** The secrets that a page has put into files. */
function secretsIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.key'))
    .map((name) => readFileSync(join(folder, name), 'utf8').trim());
}

describe('by its page,', () => {
  test(
    'a key is issued to a customer',
    async () => {
      const page = new FollowedPage('docs/issue.md', home);
      const printed = await followAll(page, [
        ...['The account', 'The key', 'Handing it over', 'Did it arrive'],
        ...['A key for each environment', 'A key that can do less', 'Many at once'],
      ]);
      expect(printed['Did it arrive']).toMatch(/Last used: +never/);
      expect(printed['Did it arrive']).toMatch(/^Admitted$/m);
      expect(printed['A key that can do less']).toMatch(/Services: +search/);
      expect(printed['Many at once']).toMatch(/\tinitech\tprod\tproduction\tactive\t/);
      expect(existsSync(join(page.folder, 'web-shop.key'))).toBe(false);
      const secrets = secretsIn(page.folder);
      expect(secrets).toHaveLength(5);
      for (const secret of secrets) for (const text of Object.values(printed)) expect(text).not.toContain(secret);
      for (const name of ['tests.key', 'reports.key', 'globex.key']) expect(statSync(join(page.folder, name)).mode & 0o777).toBe(0o600);
    },
    LONG_MS,
  );

  test(
    'a key is replaced',
    async () => {
      const { secret } = await home.customer('acme', { credits: 10_000 });
      await home.run(['rename', 'acme/main', 'prod']);
      const page = new FollowedPage('docs/rotate.md', home);
      page.secrets.push(secret);
      const printed = await followAll(page, ['Which keys are due', 'Rotate', 'Is the old one still used', 'End it', 'Changed your mind']);
      expect(printed['Which keys are due']).toMatch(/\tacme\tprod\t/);
      expect(printed['Is the old one still used']).toMatch(/In its grace: until /);
      expect(printed['Changed your mind']).toMatch(/Status: +active/);
      const fresh = readFileSync(join(page.folder, 'new.key'), 'utf8').trim();
      const { process, port } = await home.serve([]);
      expect([await request(port, fresh, 'a'), await request(port, secret, 'b')]).toEqual(['ok', 'ok']);
      await process.stop();
      await home.run(['disable', 'acme/prod']);
      expect(await home.run(['list', '--account', 'acme', '--status', 'disabled'])).toMatch(/prod~1[^]*prod|prod[^]*prod~1/);
    },
    LONG_MS,
  );

  test(
    'a complaint is looked into, and made good',
    async () => {
      const { secret } = await home.customer('acme', { credits: 300 });
      await home.run(['rename', 'acme/main', 'prod']);
      await home.run(['tier', 'edit', 'startup', '--daily-credits', '2000000']);
      const { process, port } = await home.serve(['--request-id-header', 'X-Request-Id']);
      for (const id of ['order-1', 'order-4711', 'order-3']) expect(await request(port, secret, id)).toBe('ok');
      expect(await request(port, secret, 'order-4')).toBe('insufficient_credits');
      await eventually(async () => {
        expect(await home.run(['denials', '--account', 'acme'])).toContain('order-4');
      });
      const page = new FollowedPage('docs/complaint.md', home);
      page.secrets.push(secret);
      const printed = await followAll(page, [
        ...['The account at a glance', 'What was refused, and why', 'Would it pass now', 'Where the credits went', 'One request'],
        ...['Did one of us change something', 'Make it good'],
      ]);
      expect(printed['The account at a glance']).toMatch(/Credits: +0 of 300 left today/);
      expect(printed['What was refused, and why']).toMatch(/insufficient_credits/);
      expect(printed['Would it pass now']).toMatch(/insufficient_credits\tfail/);
      expect(printed['Where the credits went']).toMatch(/\t3\t300\t/);
      expect(printed['One request']).toMatch(/^deb_\w+\t.*\torder-4711\t/m);
      expect(printed['Did one of us change something']).toContain('key.rename');
      // The refund of one request, and the credits of today.
      expect(await home.run(['account', 'view', 'acme', '--json'])).toContain('"adjusted":20000,"spent":200,');
      expect(await request(port, secret, 'order-5')).toBe('ok');
      await process.stop();
    },
    LONG_MS,
  );

  test(
    'midnight is survived',
    async () => {
      const { secret } = await home.customer('acme', { credits: 300 });
      const page = new FollowedPage('docs/midnight.md', home);
      page.secrets.push(secret);
      const printed = await followAll(page, ['Set up the reset', 'Five past midnight', 'The reset did not run', 'The clock was wrong']);
      expect(printed['Set up the reset']).toContain('Would be pruned');
      expect(printed['Five past midnight']).toMatch(/keyctl reset ran \d+ s ago/);
      expect(printed['The reset did not run']).toMatch(/Everything holds/);
    },
    LONG_MS,
  );

  test(
    'one leaves, and takes everything along',
    async () => {
      const { secret, account } = await home.customer('acme', { credits: 300 });
      await home.run(['charge', '--account', account]);
      const page = new FollowedPage('docs/leave.md', home);
      writeFileSync(join(page.folder, 'customer.key'), secret, { mode: 0o600 });
      page.secrets.push(secret);
      const printed = await followAll(page, ['Everything', 'The keys alone', 'Checking a key elsewhere', 'Usage and bills', 'With SQL']);
      expect(printed['The keys alone']).toMatch(/^1$/m);
      expect(printed['Checking a key elsewhere']).toBe('"name":"main"\n');
      expect(readFileSync(join(page.folder, 'usage.csv'), 'utf8')).toContain('acme');
      const again = new Installation();
      try {
        await again.run(['import', join(page.folder, 'everything.jsonl')]);
        const { process, port } = await again.serve([]);
        expect(await request(port, secret, 'a')).toBe('ok');
        await process.stop();
      } finally {
        again.remove();
      }
      expect(await home.run(['usage', '--db', join(page.folder, 'copy.db'), '--json'])).toContain('"requests":1');
    },
    LONG_MS,
  );
});
