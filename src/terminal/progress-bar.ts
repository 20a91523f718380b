import { Writable } from 'node:stream';
import { SingleBar } from 'cli-progress';
import type { Glyphs } from './glyphs.ts';
import type { Sink } from './output.ts';

/** How long a person waits without wondering, in milliseconds. */
const PATIENCE_MS = 1_000;

export interface ProgressBar {
  /** Says that of `total` so much is done; a new text begins a new bar. */
  show(progress: { readonly text: string; readonly done: number; readonly total: number }): void;
  /** Takes the bar off the screen. */
  clear(): void;
}

/** A bar on a terminal, which comes when something takes longer than a second and goes when it is done. */
export function progressBar(terminal: Sink, clock: () => number, glyphs: Glyphs): ProgressBar {
  const begun = clock();
  let bar: SingleBar | null = null;
  let shown = '';
  const clear = (): void => {
    bar?.stop();
    bar = null;
  };
  return {
    clear,
    show: ({ text, done, total }) => {
      if (clock() - begun < PATIENCE_MS) return;
      if (text !== shown) clear();
      shown = text;
      if (bar === null) {
        bar = newBar(terminal, glyphs);
        bar.start(total, done, { text });
      } else bar.update(done);
    },
  };
}

function newBar(terminal: Sink, { full, empty }: Glyphs): SingleBar {
  // Ctrl-C ends the program as ever: no listener of its own, and no cursor that somebody would have to bring back.
  const format = '{text} {bar} {percentage} %, {eta_formatted} left';
  const options = { format, stream: streamTo(terminal), clearOnComplete: true, gracefulExit: false, barsize: 30, fps: 5 };
  const drawn = { barCompleteChar: full, barIncompleteChar: empty };
  return new SingleBar({ ...options, ...drawn });
}

function streamTo(terminal: Sink): NodeJS.WritableStream {
  const stream = new Writable({
    decodeStrings: false,
    write: (text, _, done) => {
      terminal.write(String(text));
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: terminal.columns ?? 80 });
}
