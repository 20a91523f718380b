import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { REGISTRY } from '../../src/commands/registry.ts';
import { setWebhook } from '../../src/operations/set-webhook.ts';
import { ACTOR, temporaryStore, type TemporaryStore } from '../harness.ts';
import { ROOT } from '../markdown.ts';
import { DAY, HOUR, makeKey, rotate, spend } from '../operations/key-fixture.ts';
import { atTerminal } from './scripted-call.ts';

// Where the locale is not UTF-8, as in cron, a container or LANG=C, a mark beyond ASCII comes out as rubbish: nothing of it is keyctl's own.

let opened: TemporaryStore;
/** What the operator wrote stays as it is. */
const NAME = 'clé-de-la-caisse-numéro-sept-du-magasin-principal';
const NOTE = 'für die Nachtschicht';

beforeAll(async () => {
  opened = await temporaryStore('2026-11-21T10:00:00Z');
  const { store, clock } = opened;
  const { apiKey } = await makeKey(store, NAME, { note: NOTE, expiresAt: clock.now + 3 * DAY, allowedIps: ['203.0.113.0/24'] });
  for (let number = 0; number < 60; number += 1) await makeKey(store, `till-${String(number)}`);
  await setWebhook(store, { url: 'https://example.com/keyctl?token=7', allowHttp: false, newSecret: false }, ACTOR, randomBytes);
  const { apiKey: used } = await makeKey(store, 'prod');
  await spend(store, used, 300);
  await spend(store, apiKey, 3);
  clock.now += DAY;
  await spend(store, used, 990);
  await rotate(store, 'prod', DAY);
  clock.now += HOUR;
  await spend(store, used, 40);
  await person('tier', 'set', 'standard', '--account', 'default');
  await person('disable', 'till-1', '--reason', 'a'.repeat(90));
});
afterAll(() => opened.cleanUp());

const at = (columns: number, unicode: boolean, argv: readonly string[]): ReturnType<typeof atTerminal> =>
  atTerminal(argv, [], { path: opened.path, clock: opened.clock, columns, unicode });
const person = (...argv: readonly string[]): ReturnType<typeof atTerminal> => at(80, false, argv);

/** Without what the operator gave; a name may be cut. */
function ownWords(text: string): string {
  return text.replaceAll(/cl(é[-a-zé]*|\.)/g, '').replaceAll('für', '');
}

/** Every command that shows what is there, and those that show what they would do. */
const SHOWING: readonly (readonly string[])[] = [
  ['list'],
  ['list', '--status', 'all', '--search', 'cl'],
  ['view', NAME],
  ['view', 'prod'],
  ['explain', NAME],
  ['explain', 'till-1', '--env', 'qa'],
  ['explain', 'prod', '--service', 'none'],
  ['account', 'list'],
  ['account', 'view', 'default'],
  ['tier', 'list'],
  ['tier', 'view', 'free'],
  ['tier', 'set', 'startup', '--account', 'default', '--dry-run'],
  ['tier', 'edit', 'free', '--credits', '5000', '--dry-run'],
  ['service', 'list'],
  ['env', 'list'],
  ['usage'],
  ['usage', '--since', '2d', '--by', 'day'],
  ['usage', '--by', 'key'],
  ['debits'],
  ['denials'],
  ['credit', 'list'],
  ['charge', '--requests', '3', '--dry-run'],
  ['simulate', '--requests', '3'],
  ['simulate', '--replay', '2d', '--tier', 'free', '--account', 'default'],
  ['reset', '--dry-run'],
  ['status'],
  ['doctor'],
  ['audit'],
  ['alert', 'list'],
  ['alert', 'set'],
  ['config', 'list'],
  ['config', 'get', 'key-prefix'],
  ['config', 'scanner-rule'],
  ['schedule'],
  ['completion', 'bash'],
  ...['environment', 'exit-codes', 'formatting', 'json'].map((topic) => ['help', topic]),
];

describe('where the locale is not UTF-8', () => {
  test.each(SHOWING.map((argv) => [argv.join(' '), argv] as const))('keyctl %s writes ASCII alone beside names', async (_, argv) => {
    for (const columns of [30, 80, 200]) {
      const { stdout, stderr } = await at(columns, false, argv);
      expect(stdout + stderr).not.toBe('');
      expect(ownWords(stdout + stderr)).toMatch(/^[\n\x20-\x7e]*$/);
    }
  });

  test.each(REGISTRY.map(({ path }) => path))('keyctl %s --help is ASCII', async (path) => {
    expect((await person(...path.split(' '), '--help')).stdout).toMatch(/^[\n\x20-\x7e]+$/);
  });

  test('names stand as the operator wrote them, and what is left out of a secret is three dots', async () => {
    const { stdout } = await person('view', NAME);
    expect(stdout).toContain(NAME);
    expect(stdout).toContain(NOTE);
    expect(stdout).toMatch(/^Secret: +kc_prod_\w{4}\.\.\.\w{4}$/m);
    expect((await person('list')).stderr).toMatch(/^\.\.\. and 13 more/m);
    expect((await person('explain', NAME)).stdout).toMatch(
      /\n-> Say which address is meant[^]*\n {2}\+ api_key_disabled [^]*\n {2}x ip_not_allowed /,
    );
  });

  test('where it is, the marks are what they were', async () => {
    expect((await at(80, true, ['view', NAME])).stdout).toMatch(/^Secret: +kc_prod_\w{4}…\w{4}$/m);
    expect((await at(80, true, ['explain', NAME])).stdout).toMatch(
      /\n→ Say which [^]*\n {2}✓ api_key_disabled [^]*\n {2}✗ ip_not_allowed /,
    );
  });
});

/** Where a mark is data, stored or read, and where it is turned into what may be shown. */
const MARKS_STAND_IN = new Set([
  ...['domain/api-key.ts', 'domain/archive.ts', 'domain/imported-key.ts', 'domain/webhook-signature.ts', 'domain/webhook-url.ts'],
  ...['operations/describe-audit.ts', 'operations/test-webhook.ts'],
  ...['terminal/glyphs.ts', 'terminal/inquirer-prompts.ts', 'commands/alert/test.ts'],
]);

test('every mark beyond ASCII is one of the glyphs, or data', () => {
  const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const withMarks = files.filter((name) =>
    readFileSync(`${ROOT}src/${name}`, 'utf8')
      .split('\n')
      .some((line) => /[^\x20-\x7e]/.test(line) && !/^\s*(\/\/|\/?\*)/.test(line)),
  );
  expect(new Set(withMarks.map((name) => name.replaceAll('\\', '/')))).toEqual(MARKS_STAND_IN);
});
