/** A power of two, of which hexadecimal digits tell the place. */
const PLACES = 16 ** 4;
const MARK_DIGITS = 8;

/**
 * Tells keys that come again from those that come once. Over a million keys, remembering each costs more than reading it again: what lives
 * until it is forgotten is copied by the garbage collector, twice. So a key is remembered when it comes for the second time. (The doorkeeper
 * of TinyLFU: Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017.)
 */
export class Doorkeeper {
  readonly #marks = new Int32Array(PLACES);

  /** Whether the digest, in hex, came lately. Others may have taken its place since: then it is new once more. */
  cameBefore(digest: string): boolean {
    const place = Number.parseInt(digest.slice(0, 4), 16);
    const mark = Number.parseInt(digest.slice(4, 4 + MARK_DIGITS), 16) | 0;
    if (this.#marks[place] === mark) return true;
    this.#marks[place] = mark;
    return false;
  }
}
