import type { Finding } from './finding.ts';
import type { Store } from './store.ts';

/** How much `doctor` looks at. */
export interface InspectionChoice {
  /** Only what is cheap: no walk through the whole file. */
  readonly quick: boolean;
  /** Told what is being looked at. */
  readonly tell: (progress: { readonly text: string; readonly done: number; readonly total: number }) => void;
}

/** What a look at how a store is kept has come to: its files, schema and soundness, in whatever way a kind of store has such. */
export interface Inspection {
  /** Where the store is, as a person would name it. */
  readonly location: string;
  readonly findings: readonly Finding[];
  /** What was not looked at, and why; a sentence each. */
  readonly leftOut: readonly string[];
  /** The store, open for reading, for its books to be proved; null where it cannot be read or was made by another release. */
  readonly store: Store | null;
  close(): Promise<void>;
}
