import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { mintApiKey, scannerPattern } from '../../src/domain/api-key.ts';
import type { Store } from '../../src/domain/store.ts';
import { changeSetting } from '../../src/operations/change-setting.ts';
import { describeSettings, settingJson } from '../../src/operations/describe-settings.ts';
import { ACTOR } from '../harness.ts';
import { memoryStore, trail } from './account-fixture.ts';
import { makeKey } from './key-fixture.ts';

let store: Store;

beforeEach(async () => {
  ({ store } = await memoryStore('2026-11-22T12:00:00.000Z'));
});

// `async`, so that a refusal before the store is asked is a rejection as well.
const change = async (name: string, value: string | null) => changeSetting(store, { name, value }, ACTOR);
const settings = () => store.read((tx) => describeSettings(tx));
const setting = async (name: string) => (await settings()).map(settingJson).find((view) => view['name'] === name);

test('every setting is its default until it is set, and again when it is unset', async () => {
  for (const view of await settings()) expect(view).toMatchObject({ value: view.default, source: 'default' });
  expect(await change('keep-debits', '60d')).toMatchObject({ changed: true, setting: { value: '60d', default: '35d', source: 'store' } });
  expect(await setting('keep-debits')).toMatchObject({ value: '60d', source: 'store' });
  expect(await change('keep-debits', '60d')).toMatchObject({ changed: false });
  expect(await change('keep-debits', null)).toMatchObject({ changed: true, setting: { value: '35d', source: 'default' } });
  expect(await change('keep-debits', null)).toMatchObject({ changed: false });
  expect((await trail(store)).map(({ action, targetName, before, after }) => [action, targetName, before, after])).toEqual([
    ['config.set', 'keep-debits', { value: '35d' }, { value: '60d' }],
    ['config.unset', 'keep-debits', { value: '60d' }, { value: '35d' }],
  ]);
});

describe('the prefix of keys', () => {
  test('holds for new keys, and former ones stay known', async () => {
    expect((await makeKey(store, 'one')).apiKey).toMatch(/^kc_prod_/);
    expect(await change('key-prefix', 'acme')).toMatchObject({ changed: true, setting: { value: 'acme', source: 'store' } });
    expect((await makeKey(store, 'two')).apiKey).toMatch(/^acme_prod_/);
    expect(await change('key-prefix', 'acme')).toMatchObject({ changed: false });
    expect(await change('key-prefix', null)).toMatchObject({ changed: true, setting: { value: 'kc', source: 'default' } });
    expect((await makeKey(store, 'three')).apiKey).toMatch(/^kc_prod_/);
    expect(await store.read((tx) => tx.config.prefixes())).toEqual(['acme', 'kc']);
    expect(await change('key-prefix', 'acme')).toMatchObject({ changed: true });
    expect((await makeKey(store, 'four')).apiKey).toMatch(/^acme_prod_/);
  });

  test.each(['', 'Acme', '1kc', 'a_b', 'a'.repeat(13), 'kc_prod', 'ключ'])('is not %j', async (prefix) => {
    await expect(change('key-prefix', prefix)).rejects.toMatchObject({ code: 'usage' });
    expect(await setting('key-prefix')).toMatchObject({ value: 'kc' });
  });
});

test.each([
  ['keep-debits', '1h'],
  ['keep-debits', '-5d'],
  ['keep-debits', '35'],
  ['keep-debits', '1e3d'],
  ['keep-daily-usage', '34d'],
  ['keep-request-ids', '59m'],
  ['nothing-like-it', '35d'],
])('%s cannot be %s', async (name, value) => {
  const error: unknown = await change(name, value).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'usage' });
  expect(String(error)).not.toContain(value);
  expect(await trail(store)).toEqual([]);
});

describe('the pattern for secret scanners', () => {
  const prose = [
    'The key looks like kc_prod_ followed by thirty-six characters.',
    'kc_prod_…',
    'export PATH=$HOME/kc_tools/bin',
    'a_very_long_identifier_in_a_program_that_nobody_would_call_a_secret',
    'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'kc_prod_0123456789012345678901234567890123456789_and_more_of_it',
    'https://example.com/kc_dev_doc/kc_qa_page',
  ].join('\n');

  test('finds every key of the installation, wherever it stands, and nothing in prose', async () => {
    await change('key-prefix', 'acme');
    const prefixes = await store.read((tx) => tx.config.prefixes());
    const pattern = new RegExp(scannerPattern(prefixes), 'g');
    expect(prose.match(pattern)).toBeNull();
    for (const prefix of prefixes) {
      for (const code of ['dev', 'qa', 'prod', 'staging1']) {
        const apiKey = mintApiKey(prefix, code, randomBytes);
        for (const text of [apiKey, `X-API-Key: ${apiKey}`, `"${apiKey}",`, `KEY=${apiKey};`, `(${apiKey})`]) {
          expect(text.match(pattern)).toEqual([apiKey]);
        }
      }
    }
  });
});
