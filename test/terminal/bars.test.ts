import { describe, expect, test } from '@jest/globals';
import { bar, compact, sparkline } from '../../src/terminal/bars.ts';
import { glyphs, speaksUnicode } from '../../src/terminal/glyphs.ts';

const UNICODE = glyphs(true);
const ASCII = glyphs(false);

describe('a bar', () => {
  test.each([
    [0, 100, '░░░░░░░░░░', '..........'],
    [50, 100, '█████░░░░░', '#####.....'],
    [55, 100, '█████▌░░░░', '#####.....'],
    [100, 100, '██████████', '##########'],
    [150, 100, '██████████', '##########'],
    [0, 0, '░░░░░░░░░░', '..........'],
    [5, 0, '██████████', '##########'],
  ])('of %d in %d', (part, whole, unicode, ascii) => {
    expect(bar(part, whole, 10, UNICODE)).toBe(unicode);
    expect(bar(part, whole, 10, ASCII)).toBe(ascii);
  });

  test('shows what is hardly anything, and is full only when all is spent', () => {
    expect(bar(1, 1_000_000, 10, UNICODE)).toBe('▏░░░░░░░░░');
    expect(bar(1, 1_000_000, 10, ASCII)).toBe('#.........');
    expect(bar(999_999, 1_000_000, 10, UNICODE)).toBe('█████████▉');
    expect(bar(999_999, 1_000_000, 10, ASCII)).toBe('#########.');
  });
});

test('a sparkline is as high as its values are beside the highest', () => {
  expect(sparkline([0, 1, 4, 8, 1_000], UNICODE)).toBe(' ▁▁▁█');
  expect(sparkline([1, 2, 3, 4, 5, 6, 7, 8], UNICODE)).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([0, 1, 2, 3, 4], ASCII)).toBe(' .:|#');
  expect(sparkline([], UNICODE)).toBe('');
  expect(sparkline([0, 0], UNICODE)).toBe('  ');
});

test.each([
  [0, '0'],
  [950, '950'],
  [999, '999'],
  [1_000, '1k'],
  [1_250, '1.25k'],
  [12_500, '12.5k'],
  [999_999, '999k'],
  [1_000_000, '1M'],
  [999_999_999_999_999, '999T'],
  [1_000_000_000_000_000, '1P'],
])('%d is %s on an axis', (value, text) => {
  expect(compact(value)).toBe(text);
});

describe('Unicode is drawn', () => {
  test.each([
    ['linux', { LANG: 'en_GB.UTF-8' }, true],
    ['linux', { LANG: 'en_GB.utf8', TERM: 'xterm-256color' }, true],
    ['linux', { LANG: 'en_GB.UTF-8', LC_ALL: 'C' }, false],
    ['linux', { LANG: 'C', LC_CTYPE: 'C.UTF-8' }, true],
    ['linux', { LANG: 'en_GB.ISO-8859-1' }, false],
    ['linux', {}, false],
    ['linux', { LANG: 'en_GB.UTF-8', TERM: 'linux' }, false],
    ['linux', { LANG: 'en_GB.UTF-8', TERM: 'dumb' }, false],
    ['darwin', {}, true],
    ['darwin', { LC_ALL: 'C' }, false],
    ['win32', {}, false],
    ['win32', { WT_SESSION: 'a-guid' }, true],
    ['win32', { TERM_PROGRAM: 'vscode' }, true],
    ['win32', { TERM: 'xterm-256color' }, true],
  ])('on %s with %j: %s', (platform, env, answer) => {
    expect(speaksUnicode(env, platform)).toBe(answer);
  });
});
