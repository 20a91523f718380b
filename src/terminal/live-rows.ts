import { fitColumns, fitText, GAP, widthOf } from './fit.ts';
import type { Marks } from './glyphs.ts';
import type { Column } from './listing.ts';
import type { Paint } from './style.ts';

/**
 * Rows that come one by one, each one line of a terminal however narrow it is. What is still to come is not known, so that a column grows
 * with the widest text until then; what does not fit is left out as in a table. The first line is the head.
 */
export class LiveRows<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #paint: Paint;
  readonly #marks: Marks;
  readonly #widths: number[];
  #begun = false;

  constructor(columns: readonly Column<Row>[], paint: Paint, marks: Marks) {
    this.#columns = columns;
    this.#paint = paint;
    this.#marks = marks;
    this.#widths = columns.map(({ header }) => widthOf(header));
  }

  /** The row's line, below the head if it is the first; `places` is the width of the terminal now. */
  lines(row: Row, places: number): readonly string[] {
    const texts = this.#columns.map(({ live, person }) => live?.(row, this.#marks) ?? person(row, this.#paint, this.#marks));
    texts.forEach((text, place) => (this.#widths[place] = Math.max(this.#widths[place] ?? 0, widthOf(text))));
    const head = this.#begun
      ? []
      : [
          this.#line(
            this.#columns.map(({ header }) => header),
            places,
          ),
        ];
    this.#begun = true;
    return [...head, this.#line(texts, places)];
  }

  #line(texts: readonly string[], places: number): string {
    const natural = this.#columns.map(({ align, spare = false, least }, place) => ({
      ...{ width: this.#widths[place] ?? 0, mayBeCut: align !== 'right', spare, least },
    }));
    const cells = fitColumns(natural, places).flatMap((width, place) =>
      width === null ? [] : [fitText(texts[place] ?? '', width, this.#marks.cut, this.#columns[place]?.align)],
    );
    return cells.join(' '.repeat(GAP)).trimEnd();
  }
}
