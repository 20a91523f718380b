import { describe, expect, test } from '@jest/globals';
import { checkLocation, locateStore } from '../src/config.ts';

const NOWHERE = { exists: () => false, dataDirectory: () => Promise.resolve('/home/somebody/data') };

describe('a place among the arguments', () => {
  test.each([
    'postgres://keyctl:pass@db/keyctl',
    'postgresql://keyctl:pa%40ss@db1:5432,db2:5432/keyctl',
    'POSTGRES://keyctl:pass@db/keyctl',
    'postgres://keyctl:pa/ss@db/keyctl',
    'postgres://keyctl:p@ass@db/keyctl',
    'postgres://:pass@db/keyctl',
    'postgres://keyctl@db/keyctl?password=pass',
    'postgres://keyctl@db/keyctl?sslmode=require&password=pass',
  ])('that holds a password is refused and not repeated: %s', (url) => {
    const refusal = (() => {
      try {
        return checkLocation('--db', url);
      } catch (error) {
        return error as Error & { hint: string };
      }
    })();
    expect(refusal).toMatchObject({ code: 'usage', message: '--db holds a password.' });
    expect(JSON.stringify(refusal)).not.toContain('ass@');
  });

  test.each(['postgres://keyctl@db1:5432,db2:5433/keyctl?sslmode=require', 'postgres://db:5432/keyctl', '/srv/a:b@c/keyctl.db'])(
    'that holds none is taken: %s',
    async (location) => {
      expect(await locateStore({ flag: location, env: {}, ...NOWHERE })).toBe(location);
    },
  );

  test('in the environment may hold one: other users of the machine do not see it', async () => {
    const url = 'postgres://keyctl:pass@db/keyctl';
    expect(await locateStore({ flag: undefined, env: { KEYCTL_DB: url }, ...NOWHERE })).toBe(url);
  });
});
