import { beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { desk } from './desk.ts';
import { jsonListOf } from './http-client.ts';

// What only a real terminal shows: prompts, Ctrl-C, colours, and whether a table fits.

const at = desk();
const run = (...args: readonly string[]): Promise<string> => at.run(...args);
const keys = async (): Promise<readonly Readonly<Record<string, unknown>>[]> => jsonListOf(await run('list', '--status', 'all', '--json'));

describe('keyctl create on a terminal', () => {
  test('asks for the name and the environment, and shows the secret once', async () => {
    const screen = at.terminals.run(['create'], { db: at.db });
    await screen.shows('Name of the key');
    screen.types('web shop', 'Enter');
    await screen.shows('Environment');
    await screen.shows('production (prod)');
    screen.types('Up', 'Enter');
    const { code, lines } = await screen.ended();
    expect(code).toBe(0);
    const [key, another] = await keys();
    expect(another).toBeUndefined();
    expect(key).toMatchObject({ name: 'web shop', environment: 'qa', status: 'active' });
    const secrets = lines.join('\n').match(/kc_qa_[0-9A-Za-z]{36}/g) ?? [];
    expect(secrets).toHaveLength(1);
    expect(String(key?.['mask'])).toBe(`${String(secrets[0]).slice(0, 10)}…${String(secrets[0]).slice(-4)}`);
  });

  test('offers production first', async () => {
    const screen = at.terminals.run(['create'], { db: at.db });
    await screen.shows('Name of the key');
    screen.types('prod', 'Enter');
    await screen.shows('Environment');
    screen.types('Enter');
    expect(await screen.ended()).toMatchObject({ code: 0 });
    expect(await keys()).toMatchObject([{ name: 'prod', environment: 'production' }]);
  });

  test('asks in ASCII where the locale is not UTF-8', async () => {
    const screen = at.terminals.run(['create'], { db: at.db, env: { LC_ALL: 'C' } });
    await screen.shows('Name of the key');
    screen.types('prod', 'Enter');
    const asked = await screen.shows('Environment');
    screen.types('Enter');
    const { code, lines } = await screen.ended();
    expect(code).toBe(0);
    expect(asked + lines.join('\n')).toMatch(/^[\n\x20-\x7e]+$/);
    expect(asked).toContain('> production (prod)');
  });

  test('asks again for a name that cannot be one', async () => {
    const screen = at.terminals.run(['create'], { db: at.db });
    await screen.shows('Name of the key');
    screen.types('a/b', 'Enter');
    await screen.shows('That is not a name for a key');
    screen.types('C-u', 'good', 'Enter');
    await screen.shows('Environment');
    screen.types('Enter');
    expect(await screen.ended()).toMatchObject({ code: 0 });
    expect(await keys()).toMatchObject([{ name: 'good' }]);
  });

  test('makes nothing when the person says Ctrl-C at the name', async () => {
    const screen = at.terminals.run(['create'], { db: at.db });
    await screen.shows('Name of the key');
    screen.types('half', 'C-c');
    const { code, lines } = await screen.ended();
    expect(code).toBe(130);
    expect(lines.join('\n')).toContain('nothing was changed');
    if (existsSync(at.db)) expect(await keys()).toEqual([]);
  });

  test('makes nothing when the person says Ctrl-C at the environment', async () => {
    await run('create', '--name', 'before');
    const screen = at.terminals.run(['create'], { db: at.db });
    await screen.shows('Name of the key');
    screen.types('half', 'Enter');
    await screen.shows('Environment');
    screen.types('C-c');
    expect(await screen.ended()).toMatchObject({ code: 130 });
    expect(await keys()).toMatchObject([{ name: 'before' }]);
  });

  test('asks nothing with --no-input', async () => {
    const { code, lines } = await at.terminals.run(['create', '--no-input'], { db: at.db }).ended();
    expect(code).toBe(2);
    expect(lines.join('\n')).toContain('--name');
  });
});

describe('keyctl disable on a terminal', () => {
  beforeEach(async () => {
    for (const name of ['first', 'second', 'third']) await run('create', '--name', name);
    await run('disable', 'third');
  });

  const statuses = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries((await keys()).map((key) => [String(key['name']), key['status']]));

  test('offers the active keys, says what each did today, and disables the chosen one', async () => {
    await run('charge', '--key', 'second', '--requests', '3');
    const screen = at.terminals.run(['disable'], { db: at.db });
    const offered = await screen.shows('second');
    expect(offered).toContain('first');
    expect(offered).not.toContain('third');
    expect(offered.split('\n').find((line) => line.includes('second'))).toMatch(/3 requests.*300 credits/);
    screen.types('Down', 'Space', 'Enter');
    expect(await screen.ended()).toMatchObject({ code: 0 });
    expect(await statuses()).toEqual({ first: 'active', second: 'disabled', third: 'disabled' });
  });

  test('changes nothing when the person says Ctrl-C', async () => {
    const screen = at.terminals.run(['disable'], { db: at.db });
    await screen.shows('second');
    screen.types('Space', 'C-c');
    expect(await screen.ended()).toMatchObject({ code: 130 });
    expect(await statuses()).toEqual({ first: 'active', second: 'active', third: 'disabled' });
  });

  test('keyctl delete asks for the name, and another word deletes nothing', async () => {
    for (const [word, code, left] of [
      ['secnod', 130, 3],
      ['second', 0, 2],
    ] as const) {
      const screen = at.terminals.run(['delete', 'second'], { db: at.db });
      await screen.shows(/Type second to delete it/);
      screen.types(word, 'Enter');
      expect(await screen.ended()).toMatchObject({ code });
      expect((await keys()).filter((key) => key['status'] !== 'deleted')).toHaveLength(left);
    }
  });
});

describe('keyctl verify on a terminal', () => {
  test('reads the secret from a prompt that does not show it', async () => {
    const secret = (await run('create', '--name', 'main')).trim();
    const screen = at.terminals.run(['verify'], { db: at.db });
    await screen.shows('API key');
    screen.types(secret, 'Enter');
    const { code, lines } = await screen.ended();
    expect(code).toBe(0);
    expect(lines.join('\n')).not.toContain(secret.slice(-20));
  });
});

describe('tables', () => {
  beforeEach(async () => {
    for (const name of ['checkout', 'mobile', 'a-rather-long-name-of-a-key-that-somebody-chose']) await run('create', '--name', name);
  });

  test.each([120, 80, 60])('one key is one line in %i columns', async (columns) => {
    const { code, lines, wrapped } = await at.terminals.run(['list'], { db: at.db, columns }).ended();
    expect({ code, wrapped }).toEqual({ code: 0, wrapped: false });
    const rows = lines.filter((line) => line.startsWith('key_'));
    expect(rows).toHaveLength(3);
    expect(rows[0]).toContain('checkout');
    expect(rows[1]).toContain('mobile');
    expect(rows[2]).toMatch(/a-rather-long.*…/);
    if (columns >= 80) expect(rows[0]).toMatch(/checkout.*production.*active/);
  });

  test('names in any script are one line each, and what follows stands under each other, in any width', async () => {
    const names = ['𠮷野家の鍵', 'กำลังใจ', 'नमस्ते दुनिया', 'e\u0301clair ❤️ 1️⃣', '🇩🇪🇯🇵 flags', '👩‍👩‍👧‍👦 👩🏽‍💻', '👍🏽🏳️‍🌈 '.repeat(8) + '.', 'שָׁלוֹם'];
    for (const name of names) await run('create', '--name', name);
    await run('charge', '--key', '𠮷野家の鍵', '--requests', '2');
    for (const columns of [40, 60, 80, 200]) {
      const { code, lines, wrapped } = await at.terminals.run(['list', '--no-color'], { db: at.db, columns }).ended();
      expect({ columns, code, wrapped }).toEqual({ columns, code: 0, wrapped: false });
      expect(lines.filter((line) => line.startsWith('key_'))).toHaveLength(names.length + 3);
      for (const command of [['status'], ['usage', '--by', 'key'], ['debits'], ['audit'], ['view', '𠮷野家の鍵']]) {
        expect([columns, await at.terminals.run(command, { db: at.db, columns }).ended()]).toMatchObject([
          columns,
          { code: 0, wrapped: false },
        ]);
      }
    }
  });

  test.each([
    ['account list', /default.*free.*active/],
    ['tier list', /free.*100,000/],
    ['service list', /default.*100/],
    ['env list', /production.*prod/],
    ['config list', /keep-debits.*35d/],
    ['audit', /credit\.give/],
    ['debits', /deb_.*mobile.*100/],
    ['usage --by hour', /:00.* 2 .*200/],
    ['credit list', /500.*a long reason/],
  ])('keyctl %s fits into 80 columns', async (command, row) => {
    await run('charge', '--key', 'mobile', '--requests', '2');
    await run('credit', '+500', '--reason', 'a long reason that somebody wrote down because it was a long day, and then some');
    const { code, lines, wrapped } = await at.terminals.run(command.split(' '), { db: at.db }).ended();
    expect({ code, wrapped }).toEqual({ code: 0, wrapped: false });
    expect(lines.some((line) => row.test(line))).toBe(true);
  });

  test('have colours, which NO_COLOR, --no-color and a dumb terminal take away', async () => {
    expect(await at.terminals.run(['list'], { db: at.db }).ended()).toMatchObject({ code: 0, escapes: true });
    expect(await at.terminals.run(['list'], { db: at.db, env: { NO_COLOR: '1' } }).ended()).toMatchObject({ code: 0, escapes: false });
    expect(await at.terminals.run(['list', '--no-color'], { db: at.db }).ended()).toMatchObject({ code: 0, escapes: false });
    expect(await at.terminals.run(['list'], { db: at.db, env: { TERM: 'dumb' } }).ended()).toMatchObject({ code: 0, escapes: false });
  });
});

describe('keyctl debits --follow on a terminal', () => {
  test.each([80, 200])('shows what comes, a line each, in %i columns, until Ctrl-C', async (columns) => {
    await run('create', '--name', 'checkout');
    await run('charge', '--key', 'checkout', '--requests', '2');
    const screen = at.terminals.run(['debits', '--follow'], { db: at.db, columns });
    await screen.shows(/WHEN .*COST .*\n.*\n.*deb_.* 99,800/);
    await run('charge', '--key', 'checkout');
    await screen.shows(/deb_.* \d\d-\d\d \d\d:\d\d:\d\d +default +checkout .* 99,700/);
    screen.types('C-c');
    const { code, wrapped } = await screen.ended();
    expect({ code, wrapped }).toEqual({ code: 0, wrapped: false });
  });
});

describe('keyctl init on a terminal', () => {
  test.each([80, 200])('asks, shows what it would make, and makes it, in %i columns', async (columns) => {
    const screen = at.terminals.run(['init'], { db: at.db, columns });
    await screen.shows('Nothing is written before your last answer');
    await screen.shows('Prefix of your keys');
    screen.types('C-u', 'shop', 'Enter');
    await screen.shows('Environments are development, qa, production. Add one?');
    screen.types('n', 'Enter');
    await screen.shows('Tiers are free');
    screen.types('n', 'Enter');
    await screen.shows('Name of the first account');
    screen.types('acme', 'Enter');
    await screen.shows(/professional +10,000,000 credits a day/);
    screen.types('Down', 'Enter');
    await screen.shows('Name of its first key');
    screen.types('Enter');
    await screen.shows('Environment of that key');
    screen.types('Enter');
    await screen.shows(/Account: +acme, on standard/);
    expect(existsSync(at.db)).toBe(false);
    await screen.shows('Make it so?');
    screen.types('y', 'Enter');
    const { code, lines } = await screen.ended();
    expect(code).toBe(0);
    expect(lines.join('\n').match(/shop_prod_[0-9A-Za-z]{36}/g)).toHaveLength(1);
    expect(await keys()).toMatchObject([{ account: 'acme', name: 'prod', environment: 'production' }]);
  });

  test('leaves no trace when the person says Ctrl-C at the last question', async () => {
    const screen = at.terminals.run(['init'], { db: at.db });
    for (const question of ['Prefix', 'Environments are', 'Tiers are', 'first account', 'Its tier', 'first key', 'of that key']) {
      await screen.shows(question);
      screen.types('Enter');
    }
    await screen.shows('Make it so?');
    screen.types('C-c');
    expect(await screen.ended()).toMatchObject({ code: 130 });
    expect(existsSync(at.db)).toBe(false);
  });
});
