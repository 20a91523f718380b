import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import { fitColumns, widthOf, type ColumnWidth } from '../../src/terminal/fit.ts';
import { showListing } from '../../src/terminal/listing.ts';
import { Output } from '../../src/terminal/output.ts';

const texts = (...widths: readonly number[]): readonly ColumnWidth[] => widths.map((width) => ({ width, mayBeCut: true }));
const numbers = (...widths: readonly number[]): readonly ColumnWidth[] => widths.map((width) => ({ width, mayBeCut: false }));

describe('the width of a text', () => {
  test.each([
    ['', 0],
    ['prod', 4],
    ['naïve', 5],
    ['nai\u0308ve', 5],
    ['鍵の名前', 8],
    ['키', 2],
    ['🔑 key', 6],
    ['kc_prod_ab…cd', 13],
    [new Chalk({ level: 1 }).green('active'), 6],
  ])('%j takes %i places', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe('columns', () => {
  test('that fit stay as they are, to the last place', () => {
    expect(fitColumns(texts(10, 20, 30), 64)).toEqual([10, 20, 30]);
  });

  test('one place too wide: the widest text gives way', () => {
    expect(fitColumns(texts(10, 20, 30), 63)).toEqual([10, 20, 29]);
  });

  test('several wide texts give way alike', () => {
    expect(fitColumns(texts(10, 50, 60), 54)).toEqual([10, 20, 20]);
  });

  test('a number is never cut', () => {
    expect(fitColumns([...numbers(40), ...texts(40)], 60)).toEqual([40, 18]);
  });

  test('what still does not fit is left out from the end, and the others get the places', () => {
    expect(fitColumns([...texts(60), ...numbers(10, 10, 10)], 50)).toEqual([26, 10, 10, null]);
  });

  test('a spare one is left out before those after it', () => {
    const columns = [...texts(10), { width: 10, mayBeCut: true, spare: true }, ...texts(10, 10)];
    expect(fitColumns(columns, 46)).toEqual([10, 10, 10, 10]);
    expect(fitColumns(columns, 45)).toEqual([10, null, 10, 10]);
    expect(fitColumns(columns, 33)).toEqual([10, null, 10, null]);
  });

  test('the first one always stays', () => {
    expect(fitColumns(numbers(100, 100), 80)).toEqual([100, null]);
    expect(fitColumns([], 80)).toEqual([]);
  });
});

describe('a table on a terminal', () => {
  const written = async (columns: number, names: readonly string[]): Promise<{ lines: string[]; notes: string }> => {
    let [data, notes] = ['', ''];
    const out = new Output({
      stdout: { isTTY: true, columns, write: (text) => (data += text) },
      stderr: { write: (text) => (notes += text) },
      json: false,
      fields: null,
      quiet: false,
      color: true,
    });
    await showListing(out, {
      rows: names,
      json: (name) => ({ name }),
      fields: ['name'],
      columns: [
        { header: 'NAME', person: (name, paint) => paint.green(name), script: (name) => name },
        { header: 'LETTERS', align: 'right', person: (name) => String(name.length), script: (name) => String(name.length) },
      ],
      empty: 'None.',
    });
    return { lines: data.split('\n').slice(0, -1), notes };
  };

  test('has one line for each row and none wider than the terminal', async () => {
    const { lines, notes } = await written(40, ['short', 'x'.repeat(100), '鍵'.repeat(40)]);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(40);
    expect(lines[2]).toContain('…');
    expect(lines[2]).toContain('100');
    expect(notes).toBe('');
  });

  test('says what it left out', async () => {
    const { lines, notes } = await written(20, ['x'.repeat(100)]);
    expect(lines.join('\n')).not.toContain('100');
    expect(notes).toContain('LETTERS');
  });

  test('on a terminal that does not know its width has 80 places', async () => {
    const { lines } = await written(0, ['x'.repeat(100)]);
    expect(widthOf(lines[1] ?? '')).toBeGreaterThan(70);
  });
});
