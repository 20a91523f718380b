import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { widthOf } from '../../src/terminal/fit.ts';
import type { Column } from '../../src/terminal/listing.ts';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { LiveRows } from '../../src/terminal/live-rows.ts';
import { painter } from '../../src/terminal/painter.ts';
import { stamp } from '../../src/terminal/style.ts';

interface Row {
  readonly at: number;
  readonly name: string;
  readonly cost: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'WHEN', person: () => 'just now', live: ({ at }) => stamp(at), script: () => '' },
  { header: 'NAME', spare: true, person: ({ name }) => name, script: ({ name }) => name },
  { header: 'COST', align: 'right', person: ({ cost }) => String(cost), script: ({ cost }) => String(cost) },
];
const AT = Date.parse('2026-11-28T09:53:57.123Z');

function rows(): LiveRows<Row> {
  return new LiveRows(COLUMNS, painter(false), glyphs(true));
}

describe('rows that come one by one', () => {
  test('stand under each other below one head, and a column grows with what comes', () => {
    const live = rows();
    expect(live.lines({ at: AT, name: 'prod', cost: 100 }, 80)).toEqual(['WHEN            NAME  COST', '11-28 09:53:57  prod   100']);
    expect(live.lines({ at: AT, name: 'staging', cost: 5 }, 80)).toEqual(['11-28 09:53:57  staging     5']);
    expect(live.lines({ at: AT, name: 'a', cost: 5 }, 80)).toEqual(['11-28 09:53:57  a           5']);
  });

  test('leave out the spare column first where the window is narrow, and take it back when it grows', () => {
    const live = rows();
    expect(live.lines({ at: AT, name: 'prod', cost: 100 }, 20)).toEqual(['WHEN            COST', '11-28 09:53:57   100']);
    expect(live.lines({ at: AT, name: 'prod', cost: 100 }, 40)).toEqual(['11-28 09:53:57  prod   100']);
  });

  test('are never longer than the window, whatever the names are', () => {
    const row = fc.record({ at: fc.constant(AT), name: fc.string({ unit: 'grapheme', maxLength: 90 }), cost: fc.nat(1e9) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ min: 30, max: 200 }), (some, places) => {
        const live = rows();
        for (const one of some) for (const line of live.lines(one, places)) expect(widthOf(line)).toBeLessThanOrEqual(places);
      }),
    );
  });
});
