import { expect, test } from '@jest/globals';
import { KeyctlError } from '../../src/domain/error.ts';
import { describeError } from '../../src/http/outage.ts';

const SECRET = 'kc_prod_0123456789abcdefghijABCDEFGHIJ012345';

test('a failure that nobody has worded may quote what it choked on: its class, code and places are told, its words are not', () => {
  const failure = Object.assign(new SyntaxError(`Unexpected token in "${SECRET}"`), { code: 'ERR_SOME' });
  const told = describeError(failure);
  expect(told).toMatchObject({ error: 'SyntaxError', code: 'ERR_SOME' });
  expect(told['at']).not.toEqual([]);
  expect(JSON.stringify(told)).not.toContain(SECRET);
  expect(JSON.stringify(describeError(new KeyctlError('failed', 'Words for people.', { cause: failure })))).not.toContain(SECRET);
  expect(describeError(SECRET)).toEqual({ error: 'string' });
});
