import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryStore, type TestClock } from '../harness.ts';
import { piped } from './piped-call.ts';

let opened: { clock: TestClock; path: string; cleanUp: () => Promise<void> };

beforeAll(async () => {
  opened = await temporaryStore('2026-11-22T12:00:00.000Z');
  await piped(['account', 'create', 'acme'], opened);
  await piped(['create', '--account', 'acme', '--name', 'checkout'], opened);
});

afterAll(() => opened.cleanUp());

describe('what was probably meant is said', () => {
  test.each([
    ['lst', 'keyctl list?'],
    ['disbale x', 'keyctl disable?'],
    ['revoke x', 'keyctl disable?'],
    ['tier lst', 'keyctl tier list?'],
    ['tier show free', 'keyctl tier view?'],
    ['create account acme', 'keyctl account create?'],
    ['list tiers', 'keyctl tier list?'],
    ['nothing --help', 'See: keyctl --help'],
    ['list --statu active', '--status?'],
    ['list --jsno', '--json?'],
    ['key create --name x', 'Did you mean keyctl create?'],
    ['keys', 'Did you mean keyctl list?'],
    ['apikeys revoke x', 'Did you mean keyctl disable?'],
    ['version', 'Did you mean keyctl --version?'],
    ['users', 'Did you mean keyctl account?'],
    ['list -o json', 'Did you mean --json?'],
    ['list -h', 'Did you mean --help?'],
    ['delete checkout --force', 'Did you mean --yes?'],
    ['list --force', 'See: keyctl list --help'],
    ['debits -f', 'Did you mean --follow?'],
    ['create prod', 'A name is given with --name. See: keyctl create --help'],
    ['list prod', 'See: keyctl list --help'],
  ])('keyctl %s', async (line, hint) => {
    const call = await piped(line.split(' '), opened);
    expect(call).toMatchObject({ code: 2, stdout: '' });
    expect(call.stderr).toContain(hint);
  });

  test.each([
    ['account view acm', 'Did you mean acme?'],
    ['tier view standrad', 'Did you mean standard?'],
    ['view chekout', 'Did you mean checkout?'],
    ['view acme/chekout', 'Did you mean acme/checkout?'],
    ['list --env prodction', 'Did you mean production?'],
    ['usage --service defualt', 'Did you mean default?'],
  ])('keyctl %s', async (line, hint) => {
    const call = await piped(line.split(' '), opened);
    expect(call).toMatchObject({ code: 3, stdout: '' });
    expect(call.stderr).toContain(hint);
  });

  test('and never what was typed, which may be a secret', async () => {
    const typed = 'sk-live-51Hsecret';
    for (const argv of [[typed], ['tier', typed], ['view', typed], ['account', 'view', typed], ['list', `--${typed}`], ['create', typed]]) {
      const call = await piped(argv, opened);
      expect([2, 3]).toContain(call.code);
      expect(call.stdout + call.stderr).not.toContain('51H');
    }
  });
});
