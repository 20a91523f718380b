/** 2^32 divided by the golden ratio: multiplied with it, neighbours land far apart (Knuth, The Art of Computer Programming 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** For the other two numbers of a key: the constants of MurmurHash3's finalizer. */
const SPREAD_SECOND = 0x85ebca6b;
const SPREAD_THIRD = 0xc2b2ae35;
/** A power of two. */
const FEWEST_ROWS = 64;

/** Where a row is in its table, until rows are removed. */
export type RowPlace = number;

/**
 * Rows of numbers, found by the first number of each, or the first three, which are its key. They lie one after the other in one piece of
 * memory that the garbage collector does not look into: as objects in a Map, tens of thousands of rows that are read and changed at random
 * lie all over the heap, and every visit waits for memory several times.
 */
export class NumberTable {
  readonly #columns: number;
  readonly #single: boolean;
  #numbers: Float64Array;
  /** One more than the number of the row, or 0, where the key's hash leads or the next free place after it; half of them at most are taken. */
  #found: Int32Array;
  #shift: number;
  #size = 0;

  constructor(columns: number, keyColumns: 1 | 3) {
    this.#columns = columns;
    this.#single = keyColumns === 1;
    this.#numbers = new Float64Array(FEWEST_ROWS * columns);
    this.#found = new Int32Array(2 * FEWEST_ROWS);
    this.#shift = Math.clz32(this.#found.length) + 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The row with that key, or null. */
  find(first: number, second = 0, third = 0): RowPlace | null {
    const found = this.#found;
    const numbers = this.#numbers;
    for (let at = this.#home(first, second, third); ; at = (at + 1) & (found.length - 1)) {
      const number = found[at] ?? 0;
      if (number === 0) return null;
      const row = (number - 1) * this.#columns;
      if (numbers[row] === first && (this.#single || (numbers[row + 1] === second && numbers[row + 2] === third))) return row;
    }
  }

  get(row: RowPlace, column: number): number {
    return this.#numbers[row + column] ?? 0;
  }

  set(row: RowPlace, column: number, value: number): void {
    this.#numbers[row + column] = value;
  }

  /** A new row, of zeros but for its key, which no other row may have. */
  add(first: number, second = 0, third = 0): RowPlace {
    const row = this.#size * this.#columns;
    if (row === this.#numbers.length) this.#grow();
    this.#numbers.fill(0, row, row + this.#columns);
    this.#numbers[row] = first;
    if (!this.#single) {
      this.#numbers[row + 1] = second;
      this.#numbers[row + 2] = third;
    }
    this.#size += 1;
    this.#enter(this.#size);
    return row;
  }

  clear(): void {
    this.#found.fill(0);
    this.#size = 0;
  }

  /** Visits all rows, in the order in which they were added. */
  each(visit: (row: RowPlace) => void): void {
    const until = this.#size * this.#columns;
    for (let row = 0; row < until; row += this.#columns) visit(row);
  }

  /** Removes every row for which `keep` says no. */
  retain(keep: (row: RowPlace) => boolean): void {
    const columns = this.#columns;
    const until = this.#size * columns;
    this.clear();
    for (let row = 0; row < until; row += columns) {
      if (!keep(row)) continue;
      this.#numbers.copyWithin(this.#size * columns, row, row + columns);
      this.#size += 1;
      this.#enter(this.#size);
    }
  }

  /** Where to look first for a key. */
  #home(first: number, second: number, third: number): number {
    return (Math.imul(first, SPREAD) + Math.imul(second, SPREAD_SECOND) + Math.imul(third, SPREAD_THIRD)) >>> this.#shift;
  }

  /** Makes the row of that number, counted from 1, one that is found. */
  #enter(number: number): void {
    const found = this.#found;
    const row = (number - 1) * this.#columns;
    const [first = 0, second = 0, third = 0] = [this.#numbers[row], this.#numbers[row + 1], this.#numbers[row + 2]];
    let at = this.#single ? this.#home(first, 0, 0) : this.#home(first, second, third);
    while (found[at] !== 0) at = (at + 1) & (found.length - 1);
    found[at] = number;
  }

  #grow(): void {
    const numbers = new Float64Array(2 * this.#numbers.length);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#found = new Int32Array(2 * this.#found.length);
    this.#shift -= 1;
    for (let number = 1; number <= this.#size; number += 1) this.#enter(number);
  }
}
