import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import { cutPainted, fitColumns, fitText, widthOf, wrapBehind, wrapLines, type ColumnWidth } from '../../src/terminal/fit.ts';
import { showListing } from '../../src/terminal/listing.ts';
import { Output, wrappedFor } from '../../src/terminal/output.ts';

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
    ['𠮷野家', 6],
    ['👩‍👩‍👧‍👦', 2],
    ['🇩🇪 🇯🇵', 5],
    ['👍🏽', 4],
    ['👩🏽‍💻', 4],
    ['❤️', 2],
    ['1️⃣', 2],
    ['🫠', 2],
    ['กำลังใจ', 6],
    ['שָׁלוֹם', 4],
    ['Z̴̡̛̩a̷̢l̶̨g̵o', 5],
    ['\u1112\u1161\u11ab', 2],
    ['zero\u200bwidth\ufeff', 9],
    ['│ ▇▁ ┤ …', 8],
    ['kc_prod_ab…cd', 13],
    [new Chalk({ level: 1 }).green('active'), 6],
  ])('%j takes %i places', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe('a text in so many places', () => {
  test.each([
    ['a family: 👩‍👩‍👧‍👦 and more', 13, 'a family: 👩‍👩‍👧‍👦…'],
    ['a family: 👩‍👩‍👧‍👦 and more', 12, 'a family: … '],
    ['nai\u0308ve', 4, 'nai\u0308…'],
    ['鍵の名前', 5, '鍵の…'],
    ['鍵の名前', 4, '鍵… '],
  ])('%j in %i is %j: no character is cut in two', (text, places, fitted) => {
    expect(fitText(text, places, '…')).toBe(fitted);
  });

  test('keeps its colours where it is cut', () => {
    const paint = new Chalk({ level: 1 });
    expect(cutPainted(`${paint.red('denied')} by ${paint.bold('somebody')}`, 9, '…')).toBe(
      `${paint.red('denied')} b…${paint.bold('')}\u001b[1m\u001b[22m`,
    );
    expect(cutPainted(paint.red('denied'), 6, '…')).toBe(paint.red('denied'));
    expect(cutPainted(paint.red('denied'), 3, '…')).toBe(paint.red('de…'));
  });
});

describe('lines', () => {
  test('end between words, and those that are indented go on so', () => {
    expect(wrapLines('There is no store.\n  Make one with keyctl create.', 20)).toBe(
      'There is no store.\n  Make one with\n  keyctl create.',
    );
  });

  test('go on under their text where they have a label', () => {
    expect(wrapBehind('Note:  ', 'for the night shift of the warehouse', 24)).toBe(
      'Note:  for the night\n       shift of the\n       warehouse',
    );
  });

  test('are left alone where they are for a program', () => {
    let data = '';
    const stdout = { isTTY: true, columns: 20, write: (text: string) => (data += text) };
    const out = new Output({ stdout, stderr: stdout, json: false, fields: null, quiet: false, color: false });
    const line = 'ExecStart=/usr/bin/node /opt/keyctl.js reset';
    out.showVerbatim({ line }, () => line, ['line']);
    expect(data).toBe(`${line}\n`);
    out.show({ line }, () => line, ['line']);
    expect(data.slice(line.length + 1)).toBe('ExecStart=/usr/bin/node\n/opt/keyctl.js reset\n');
  });

  test('are left alone through a pipe', () => {
    const long = 'word '.repeat(100);
    expect(wrapLines(long, Infinity)).toBe(long);
    expect(wrappedFor({ write: () => true }, long)).toBe(long);
    expect(wrappedFor({ isTTY: true, columns: 0, write: () => true }, long)).toBe(long);
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

  test('a text that is of no use when cut short stays long, and a spare one goes for it', () => {
    const columns = [...texts(20), { width: 40, mayBeCut: true, least: 30 }, { width: 15, mayBeCut: true, spare: true }];
    expect(fitColumns(columns, 66)).toEqual([17, 30, 15]);
    expect(fitColumns(columns, 60)).toEqual([20, 38, null]);
    expect(fitColumns(columns, 48)).toEqual([16, 30, null]);
  });

  test('one that is there only because it is filled goes after those that always are', () => {
    const filled = { width: 10, mayBeCut: false, whenFilled: true };
    expect(fitColumns([...numbers(10, 10, 10), filled], 36)).toEqual([10, 10, null, 10]);
    expect(fitColumns([...numbers(10, 10, 10), filled], 20)).toEqual([10, null, null, null]);
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
      unicode: true,
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
