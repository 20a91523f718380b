import type { Call } from './call.ts';

/** How long a person waits without wondering, and how often the line is written anew, in milliseconds. */
const PATIENCE_MS = 1_000;
const INTERVAL_MS = 200;

export interface ProgressLine {
  show(text: string): void;
  clear(): void;
}

/** One line on stderr that is written over, for a person who waits longer than a second; nothing elsewhere. */
export function progressLine({ out, context }: Pick<Call, 'out' | 'context'>): ProgressLine {
  const begun = context.clock();
  let shownAt: number | null = null;
  return {
    show: (text) => {
      const now = context.clock();
      if (now - begun < PATIENCE_MS || (shownAt !== null && now - shownAt < INTERVAL_MS)) return;
      shownAt = now;
      out.passing(text);
    },
    clear: () => {
      if (shownAt !== null) out.passing('');
    },
  };
}
