import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dayOf, MS_PER_DAY, MS_PER_HOUR, startOfDay } from '../src/domain/utc-day.ts';
import { openStore } from '../src/stores/open-store.ts';
import { FollowedPage } from './followed-page.ts';
import { addAccount, charge } from './operations/account-fixture.ts';
import { Installation } from './system/installation.ts';

// docs/pricing.md, followed to the letter, on a store whose customers have a past.

/** The page starts some fifteen processes, on a machine that may be busy. */
const LONG_MS = 480_000;

let home: Installation;

beforeEach(() => {
  home = new Installation();
});

afterEach(() => {
  home.remove();
});

/** On each of ten days acme spends its tier at 09:00 and is denied 2,000 requests more; the other customer has enough. */
async function past(db: string): Promise<void> {
  const clock = { now: startOfDay(dayOf(Date.now()) - 10) + 9 * MS_PER_HOUR };
  const { store } = await openStore({ location: db, mode: 'create', clock: () => clock.now, randomBytes, busyTimeoutMs: 2_000 });
  for (const name of ['acme', 'globex']) await addAccount(store, name);
  for (let day = 0; day < 10; day += 1, clock.now += MS_PER_DAY) {
    await charge(store, 'acme', 1, 100_000);
    await charge(store, 'globex', 10);
    const denial = { keyId: null, account: 'acme', service: 'default', code: 'insufficient_credits', ip: null, requestId: null } as const;
    // One a second: slow enough for every tier.
    const denied = Array.from({ length: 2_000 }, (_, second) => ({ ...denial, at: clock.now + (second + 1) * 1_000, count: 1 }));
    await store.write((tx) => tx.usage.addDenials(denied));
  }
  await store.close();
}

test(
  'by its page, tiers are chosen with last month’s traffic',
  async () => {
    await past(home.db);
    const page = new FollowedPage('docs/pricing.md', home);
    const headings = [
      ...['What would each tier have denied', 'One customer', 'Numbers that are no tier yet'],
      ...['For a script or a spreadsheet', 'Change it'],
    ];
    page.expectFollowed(headings.map((heading) => `## ${heading}`));
    const printed: Record<string, string> = {};
    for (const heading of headings) printed[heading] = await page.follow(`## ${heading}`);
    expect(printed['What would each tier have denied']).toMatch(/^free\t\d{4}-\d\d-\d\d\t2011\t2000\t0\t1\t/m);
    expect(printed['One customer']).toMatch(/^startup\t\d{4}-\d\d-\d\d\t2001\t0\t0\t0\t$/m);
    expect(printed['One customer']).not.toContain('professional');
    expect(printed['Numbers that are no tier yet']).toMatch(/^hypothetical\t\d{4}-\d\d-\d\d\t2011\t1500\t0\t1\t/m);
    const script = printed['For a script or a spreadsheet'] ?? '';
    expect(script.match(/^\d{4}-\d\d-\d\d 2000 0 \d{4}-\S+Z$/gm)?.length).toBeGreaterThanOrEqual(9);
    expect(script).toContain('startup would have done');
    const accounts = JSON.parse(readFileSync(join(page.folder, 'accounts.json'), 'utf8')) as Record<string, unknown>;
    expect(accounts).toMatchObject({
      accounts: [
        { account: 'acme', tier: 'free', cheapest: 'standard' },
        { account: 'globex', tier: 'free', cheapest: 'free' },
      ],
      unknown: [{ code: 'denied_demand' }, { code: 'today' }],
    });
    expect(await home.run(['account', 'view', 'acme', '--json'])).toContain('"tier":"startup"');
  },
  LONG_MS,
);
