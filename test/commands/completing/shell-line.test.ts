import { describe, expect, test } from '@jest/globals';
import { forBash, readLine } from '../../../src/commands/completing/shell-line.ts';

/** readline's, as bash has them at first. */
const BREAKS = ' \t\n"\'@><=;|&(:';

describe('a line that somebody types in bash', () => {
  test.each([
    ['keyctl ', ['keyctl'], '', 0],
    ['keyctl li', ['keyctl'], 'li', 0],
    ['keyctl  view   acme/prod', ['keyctl', 'view'], 'acme/prod', 0],
    [String.raw`keyctl view acme/web\ sh`, ['keyctl', 'view'], 'acme/web sh', 0],
    [`keyctl view 'acme/web sh`, ['keyctl', 'view'], 'acme/web sh', 0],
    [`keyctl view acme/'web sh`, ['keyctl', 'view'], 'acme/web sh', 5],
    [String.raw`keyctl view "a \"b\" \c`, ['keyctl', 'view'], String.raw`a "b" \c`, 0],
    [`keyctl create --name 'web shop' --env=pr`, ['keyctl', 'create', '--name', 'web shop'], '--env=pr', 6],
    [`keyctl create --name '' --n`, ['keyctl', 'create', '--name', ''], '--n', 0],
    [String.raw`keyctl view a\:b:c`, ['keyctl', 'view'], 'a:b:c', 4],
    ['keyctl view $(reboot) `x', ['keyctl', 'view', '$(reboot)'], '`x', 0],
    [String.raw`keyctl view a\ `, ['keyctl', 'view'], 'a ', 0],
  ])('%j', (line, words, current, settled) => {
    expect(readLine(line, BREAKS)).toMatchObject({ words, current, settled });
  });

  test.each([
    ['keyctl view acme/w', 'acme/web shop', String.raw`acme/web\ shop`],
    ['keyctl view ', '$(touch x)`y`', '\\$\\(touch\\ x\\)\\`y\\`'],
    ['keyctl view ', String.raw`o'neil "x" \ !`, String.raw`o\'neil\ \"x\"\ \\\ \!`],
    ['keyctl view ', 'caffè/münze €~1', String.raw`caffè/münze\ €~1`],
    ['keyctl view "acme/w', 'acme/we$b `x`', 'acme/we\\$b \\`x\\`'],
    ["keyctl view 'acme/w", 'acme/we$b "x"', 'acme/we$b "x"'],
    ['keyctl create --env=pr', '--env=production', 'production'],
    ['keyctl view acme/a:', 'acme/a:b c', String.raw`b\ c`],
  ])('after %j bash puts in %j as %j', (line, candidate, written) => {
    expect(forBash(candidate, readLine(line, BREAKS))).toBe(written);
  });
});
