import type { Ref } from './entities.ts';

/** Keyset pages: `after` is the last ref of the page before. */
export interface Page {
  readonly after: Ref;
  readonly limit: number;
}

/** Rows by their refs: after one, through another. */
export interface RefRange {
  readonly after: Ref;
  readonly through: Ref;
}
