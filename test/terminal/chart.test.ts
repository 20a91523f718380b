import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import { drawChart, type Stretch } from '../../src/terminal/chart.ts';
import { widthOf } from '../../src/terminal/fit.ts';
import { glyphs } from '../../src/terminal/glyphs.ts';

const PLAIN = new Chalk({ level: 0 });
const plain = { places: 80, height: 4, glyphs: glyphs(true), paint: PLAIN };
const ascii = { ...plain, glyphs: glyphs(false) };

function stretch(label: string, admitted: number, denied = 0, line: number | null = null): Stretch {
  return { label, group: '2026-11', admitted, denied, line };
}

describe('a chart', () => {
  test('has bars, an axis with a scale, and a label under each bar', () => {
    const { lines } = drawChart([stretch('01', 25), stretch('02', 0), stretch('03', 90), stretch('04', 100)], plain);
    expect(lines).toEqual([
      '  100 ┤            ▅▅▅▅▅ █████',
      '      ┤            █████ █████',
      '   50 ┤            █████ █████',
      '      ┤█████       █████ █████',
      '    0 ┴────────────────────────',
      '       01    02    03    04',
      '       2026-11',
    ]);
  });

  test('draws the line through whatever is not admitted, and what was denied above it', () => {
    const day = (label: string, admitted: number, denied: number) => stretch(label, admitted, denied, 50);
    expect(drawChart([day('01', 20, 0), day('02', 50, 50), day('03', 10, 0)], plain).lines.slice(0, 4)).toEqual([
      '  100 ┤      ▒▒▒▒▒',
      '      ┤      ▒▒▒▒▒',
      '   50 ┤──────█████───────',
      '      ┤▇▇▇▇▇ █████ ▄▄▄▄▄',
    ]);
  });

  test('shows nothing as admitted where everything was denied, however the heights round', () => {
    for (let denied = 1; denied <= 100; denied += 1) {
      const { lines } = drawChart([stretch('01', 0, denied), stretch('02', 100)], plain);
      expect(lines.map((line) => line.slice(7, 12)).join('')).not.toMatch(/[█▁▂▃▄▅▆▇]/);
    }
  });

  test('is the same in ASCII', () => {
    expect(drawChart([stretch('01', 20, 0, 50), stretch('02', 50, 50, 50)], ascii).lines).toEqual([
      '  100 |      xxxxx',
      '      |      xxxxx',
      '   50 |------#####-',
      '      |##### #####',
      '    0 +------------',
      '       01    02',
      '       2026-11',
    ]);
  });

  test('shows a single request that was denied beside a million that were not', () => {
    const { lines } = drawChart([stretch('01', 1_000_000, 1), stretch('02', 1, 1_000_000)], ascii);
    expect(lines.slice(0, 4).map((line) => line.slice(7))).toEqual(['xxxxx xxxxx', '##### xxxxx', '##### xxxxx', '##### #####']);
  });

  test('a line far above every bar is not drawn: they would all lie on the ground', () => {
    const far = drawChart([stretch('01', 10, 0, 41), stretch('02', 5, 0, 41)], plain);
    expect(far.hasLine).toBe(false);
    expect(far.lines.slice(0, 4).join('')).not.toContain('─');
    expect(drawChart([stretch('01', 10, 0, 40)], plain).hasLine).toBe(true);
    expect(drawChart([stretch('01', 10)], plain).hasLine).toBe(false);
  });

  test('colours tell what is admitted, denied, and the line', () => {
    const paint = new Chalk({ level: 1 });
    const { lines } = drawChart([stretch('01', 50, 50, 50)], { ...plain, paint });
    const text = lines.join('\n');
    expect(text).toContain(paint.green('█████'));
    expect(text).toContain(paint.red('▒▒▒▒▒'));
    expect(text).toContain(paint.yellow('─'));
  });

  test.each([20, 40, 80, 200])('fits into %i places, however many bars there are', (places) => {
    for (const count of [1, 2, 24, 31, 48, 168, 10_000]) {
      const stretches = Array.from({ length: count }, (_, place) =>
        stretch(String(place % 24).padStart(2, '0'), place * 100, place % 3, 500),
      );
      const { lines, perBar } = drawChart(stretches, { ...plain, places });
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(places);
      expect(perBar).toBe(Math.ceil(count / (places - 7)));
    }
  });

  test('bars of several stretches are their sums', () => {
    const { lines, perBar } = drawChart(
      Array.from({ length: 40 }, (_, place) => stretch(String(place), 5, 0, 5)),
      { ...plain, places: 27 },
    );
    expect(perBar).toBe(2);
    expect(lines[0]).toBe(`   10 ┤${'█'.repeat(20)}`);
  });

  test('labels never touch, and a group is named where it begins', () => {
    const hours = Array.from({ length: 48 }, (_, hour) => ({
      ...stretch(String(hour % 24).padStart(2, '0'), 1),
      group: hour < 24 ? '2026-11-27' : '2026-11-28',
    }));
    const { lines } = drawChart(hours, plain);
    expect(lines.at(-2)).toBe('       00 03 06 09 12 15 18 21 00 03 06 09 12 15 18 21');
    expect(lines.at(-1)).toBe('       2026-11-27              2026-11-28');
  });
});
