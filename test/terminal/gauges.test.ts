import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import { fitText, widthOf, wrapWords } from '../../src/terminal/fit.ts';
import { drawGauges, type Gauge } from '../../src/terminal/gauges.ts';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { factLines, sideBySide, stacked } from '../../src/terminal/panels.ts';

const PLAIN = new Chalk({ level: 0 });
const COLORED = new Chalk({ level: 1 });
const style = { glyphs: glyphs(true), paint: PLAIN };

function gauge(name: string, part: number, changed: Partial<Gauge> = {}): Gauge {
  return { name, note: 'free', part, whole: 100, amount: `${String(part)} %`, remark: 'spent at 17:40', tone: 'calm', ...changed };
}

const GAUGES = [
  gauge('acme', 25),
  gauge('鍵の名前', 100),
  gauge('a-customer-with-a-very-long-name-that-somebody-chose', 5, { remark: '' }),
];

describe('gauges', () => {
  test('stand under each other, bars as wide as there is room', () => {
    expect(drawGauges([gauge('acme', 25), gauge('鍵の名前', 100)], { ...style, places: 60 })).toEqual([
      '  acme      free  ████▊░░░░░░░░░░░░░░   25 %  spent at 17:40',
      '  鍵の名前  free  ███████████████████  100 %  spent at 17:40',
    ]);
  });

  test('leave out remarks first, then notes, then bars, and cut names last', () => {
    const shown = (places: number): string => drawGauges([gauge('a-customer-with-a-long-name', 25)], { ...style, places })[0] ?? '';
    expect(shown(80)).toMatch(/^ {2}a-customer-with-a-long-name {2}free {2}█+▎░+ {2}25 % {2}spent at 17:40$/);
    expect(shown(50)).toBe('  a-customer-with-a-long-na…  free  ██░░░░░░  25 %');
    expect(shown(36)).toBe('  a-customer-with-a…  ██░░░░░░  25 %');
    expect(shown(26)).toBe('  a-customer-with-a…  25 %');
    expect(shown(16)).toBe('  a-custo…  25 %');
  });

  test.each([12, 20, 30, 40, 60, 80, 120, 200])('are never wider than %i places', (places) => {
    for (const line of drawGauges(GAUGES, { ...style, places })) expect(widthOf(line)).toBeLessThanOrEqual(places);
  });

  test('are coloured by their tone', () => {
    const painted = { ...style, paint: COLORED, places: 60 };
    const text = (tone: Gauge['tone']): string => drawGauges([gauge('acme', 100, { tone })], painted).join('\n');
    expect(text('bad')).toContain(COLORED.red('100 %'));
    expect(text('near')).toContain(COLORED.yellow('spent at 17:40'));
    expect(text('calm')).not.toContain(COLORED.red('100 %'));
  });

  test('of nothing are no lines', () => {
    expect(drawGauges([], { ...style, places: 80 })).toEqual([]);
  });
});

describe('a text in so many places', () => {
  test.each([
    ['acme', 6, 'acme  '],
    ['acme', 4, 'acme'],
    ['acme', 3, 'ac…'],
    ['acme', 1, '…'],
    ['acme', 0, ''],
    ['鍵の名前', 8, '鍵の名前'],
    ['鍵の名前', 7, '鍵の名…'],
    ['鍵の名前', 6, '鍵の… '],
    ['nai\u0308ve', 4, 'nai\u0308…'],
  ])('%s in %i', (text, places, fitted) => {
    expect(fitText(text, places, '…')).toBe(fitted);
  });

  test.each([
    ['acme-and-more', 8, 'acme-...'],
    ['acme', 3, '...'],
    ['acme', 2, '..'],
    ['鍵の名前', 6, '鍵... '],
  ])('%s in %i, where three dots stand for what is left out', (text, places, fitted) => {
    expect(fitText(text, places, '...')).toBe(fitted);
  });

  test('stands to the right where it is asked to', () => {
    expect(fitText('12', 4, '…', 'right')).toBe('  12');
  });

  test('breaks between words', () => {
    expect(wrapWords('one two three', 7)).toBe('one two\nthree');
    expect(wrapWords('a-very-long-word x', 7)).toBe('a-very-long-word\nx');
  });
});

describe('panels', () => {
  test('without lines are left out, and an empty line stands between two', () => {
    const panels = [
      { title: '', lines: ['a'] },
      { title: 'None', lines: [] },
      { title: 'Some', lines: ['b', 'c'] },
    ];
    expect(stacked(panels, { ...style, places: 3 })).toEqual(['a', '', 'So…', 'b', 'c']);
  });

  test('stand beside each other, colours and wide characters aside', () => {
    expect(sideBySide([COLORED.red('鍵'), 'x'], ['right'], 4)).toEqual([`${COLORED.red('鍵')}      right`, 'x']);
  });

  test('facts go on in the next line, and a word that is too long for one is cut', () => {
    expect(
      factLines(
        [
          { label: 'Store', value: '/a/path/that/is/long' },
          { label: 'Due', value: 'in 3 d' },
        ],
        { ...style, places: 16 },
      ),
    ).toEqual(['Store: /a/path/…', 'Due:   in 3 d']);
    expect(factLines([{ label: 'Due', value: 'in a day' }], { ...style, places: 9 })).toEqual(['Due:in a', '    day']);
  });
});
