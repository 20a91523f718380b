import { expect, test } from '@jest/globals';
import { nearest } from '../../src/domain/nearest.ts';

test.each([
  ['lst', ['list', 'last-one'], 'list'],
  ['disbale', ['disable', 'enable'], 'disable'],
  ['standrad', ['standard', 'startup'], 'standard'],
  ['acme', ['acmé', 'beta'], 'acmé'],
  ['xy', ['ab'], null],
  ['qa', ['q', 'production'], 'q'],
  ['', ['a'], 'a'],
  ['kc_prod_0123456789', ['prod', 'production'], null],
])('%j among %j is %j', (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});
