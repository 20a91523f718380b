import { stripVTControlCharacters } from 'node:util';
import { fitText, widthOf } from './fit.ts';
import type { Sink } from './output.ts';

/** Where keys are typed. */
export interface Keyboard {
  readonly isTTY?: boolean | undefined;
  setRawMode?: (raw: boolean) => unknown;
  on(event: 'data', listener: (typed: unknown) => void): unknown;
  off(event: 'data', listener: (typed: unknown) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface LiveScreenOptions {
  readonly terminal: Sink;
  readonly keyboard: Keyboard;
  /** The person wants to leave. */
  readonly onQuit: () => void;
  /** The window has another size. */
  readonly onResize: () => void;
}

/** A screen that is drawn over and over in the same place. What was on the terminal before is there again when it is closed. */
export interface LiveScreen {
  readonly columns: number;
  readonly rows: number;
  draw(lines: readonly string[]): void;
  close(): void;
}

const OTHER_SCREEN = '\u001b[?1049h\u001b[?25l';
const FIRST_SCREEN = '\u001b[?25h\u001b[?1049l';
/** Between these a terminal that knows them shows nothing half drawn; the others ignore them. */
const HOLD = '\u001b[?2026h';
const SHOW = '\u001b[?2026l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
/** q, Q, Ctrl-C, which raw mode gives as a key, Ctrl-D, and Escape by itself. */
const QUITS = new Set(['q', 'Q', '\u0003', '\u0004', '\u001b']);

export function openLiveScreen({ terminal, keyboard, onQuit, onResize }: LiveScreenOptions): LiveScreen {
  const typed = (text: unknown): void => {
    if (QUITS.has(String(text))) onQuit();
  };
  const hasKeys = keyboard.isTTY === true && keyboard.setRawMode !== undefined;
  terminal.write(OTHER_SCREEN);
  terminal.on?.('resize', onResize);
  if (hasKeys) {
    keyboard.setRawMode?.(true);
    keyboard.on('data', typed);
    keyboard.resume();
  }
  return {
    get columns() {
      return terminal.columns || 80;
    },
    get rows() {
      return terminal.rows || 24;
    },
    draw(lines) {
      const shown = fitted(lines, this.columns, this.rows);
      terminal.write(`${HOLD}${HOME}${shown.map((line) => line + REST_OF_LINE).join('\r\n')}${REST_OF_SCREEN}${SHOW}`);
    },
    close() {
      terminal.off?.('resize', onResize);
      if (hasKeys) {
        keyboard.off('data', typed);
        keyboard.setRawMode?.(false);
        keyboard.pause();
      }
      terminal.write(FIRST_SCREEN);
    },
  };
}

/** What has room: a window may have become smaller since the lines were made for it, and a line too wide would push the others down. */
function fitted(lines: readonly string[], columns: number, rows: number): readonly string[] {
  return lines.slice(0, rows).map((line) => (widthOf(line) <= columns ? line : fitText(stripVTControlCharacters(line), columns)));
}
