import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import { GAP, widthOf } from '../../src/terminal/fit.ts';
import { drawTable, type TableColumn } from '../../src/terminal/table.ts';
import { charactersOf, widthOfCharacter } from '../../src/terminal/width.ts';
import { anyName } from './names.ts';

const paint = new Chalk({ level: 1 });

const COLUMNS: readonly TableColumn[] = [
  { header: 'ID' },
  { header: 'NAME' },
  { header: 'STATUS' },
  { header: 'NOTE', spare: true },
  { header: 'CREDITS', align: 'right' },
];

const row = fc
  .record({
    id: fc.stringMatching(/^key_[a-z0-9]{8}$/),
    name: anyName,
    status: fc.constantFrom('active', 'expired'),
    note: anyName,
    credits: fc.nat(1e12),
  })
  .map(({ id, name, status, note, credits }) => [id, name, paint.green(status), paint.red(note), String(credits)]);

/** Whether a character of the line ends, and a gap lies, exactly before the place. */
function hasBorderAt(line: string, place: number): boolean {
  let [width, before] = [0, ''];
  for (const character of charactersOf(line)) {
    if (width >= place) break;
    width += widthOfCharacter(character);
    before += character;
  }
  // A mark with which the next cell begins is put onto the gap.
  return width < place || (width === place && before.replaceAll(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '').endsWith(' '.repeat(GAP)));
}

describe('a table', () => {
  test('has no line wider than the window and its columns under each other, whatever the names and the window', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), fc.integer({ min: 40, max: 220 }), (rows, places) => {
        const { lines, leftOut } = drawTable(COLUMNS, rows, { places, head: paint.bold, cut: '…' });
        const plain = lines.map((line) => stripVTControlCharacters(line));
        expect(plain).toHaveLength(rows.length + 1);
        for (const line of plain) expect(widthOf(line)).toBeLessThanOrEqual(places);
        const [head = ''] = plain;
        const left = COLUMNS.filter((column) => !leftOut.includes(column) && column.align !== 'right').map(({ header }) =>
          head.indexOf(header),
        );
        for (const line of plain) for (const place of left) if (place > 0) expect(hasBorderAt(line, place)).toBe(true);
        if (!leftOut.some(({ header }) => header === 'CREDITS')) {
          const ends = plain.map(widthOf);
          expect(new Set(ends).size).toBe(1);
          plain.slice(1).forEach((line, place) => expect(line.endsWith(` ${rows[place]?.[4] ?? '?'}`)).toBe(true));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('keeps a name as it is where there is room for it', () => {
    fc.assert(
      fc.property(
        anyName.filter((name) => widthOf(name) > 0),
        (name) => {
          const { lines } = drawTable([{ header: 'N' }, { header: 'M' }], [[name, 'x']], { places: 500, head: String, cut: '…' });
          expect(lines[1]).toBe(`${name}  x`);
        },
      ),
    );
  });
});
