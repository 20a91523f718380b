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
  /** Ends a line that is too wide. */
  readonly cut: string;
  readonly keyboard: Keyboard;
  /** The person wants to leave. */
  readonly onQuit: () => void;
  /** The person wants the shell for a while. */
  readonly onSuspend: () => void;
  /** The window has another size. */
  readonly onResize: () => void;
}

/** A screen that is drawn over and over in the same place. What was on the terminal before is there again when it is closed. */
export interface LiveScreen {
  readonly columns: number;
  readonly rows: number;
  draw(lines: readonly string[]): void;
  /** Gives the terminal back while the act lasts, and draws anew after it. */
  leftDuring(act: () => Promise<void>): Promise<void>;
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
/** Ctrl-Z, which is a key here as well. */
const SUSPENDS = '\u001a';

export function openLiveScreen({ terminal, cut, keyboard, onQuit, onSuspend, onResize }: LiveScreenOptions): LiveScreen {
  const hasKeys = keyboard.isTTY === true && keyboard.setRawMode !== undefined;
  let [isOpen, isOver] = [false, false];
  const typed = (given: unknown): void => {
    const text = String(given);
    // What begins with Escape and goes on is an arrow or another key without a letter; else somebody typed quickly.
    const keys = text.length > 1 && text.startsWith('\u001b') ? [] : [...text];
    if (keys.some((key) => QUITS.has(key))) onQuit();
    else if (keys.includes(SUSPENDS)) onSuspend();
  };
  const open = (): void => {
    isOpen = true;
    terminal.write(OTHER_SCREEN);
    terminal.on?.('resize', onResize);
    if (!hasKeys) return;
    keyboard.setRawMode?.(true);
    keyboard.on('data', typed);
    keyboard.resume();
  };
  const leave = (): void => {
    if (!isOpen) return;
    isOpen = false;
    terminal.off?.('resize', onResize);
    if (hasKeys) {
      keyboard.off('data', typed);
      keyboard.setRawMode?.(false);
      keyboard.pause();
    }
    terminal.write(FIRST_SCREEN);
  };
  open();
  return {
    get columns() {
      return terminal.columns || 80;
    },
    get rows() {
      return terminal.rows || 24;
    },
    draw(lines) {
      if (!isOpen) return;
      const shown = fitted(lines, { columns: this.columns, rows: this.rows, cut });
      terminal.write(`${HOLD}${HOME}${shown.map((line) => line + REST_OF_LINE).join('\r\n')}${REST_OF_SCREEN}${SHOW}`);
    },
    async leftDuring(act) {
      leave();
      await act();
      if (isOver || isOpen) return;
      open();
      onResize();
    },
    close() {
      isOver = true;
      leave();
    },
  };
}

/** What has room: a window may have become smaller since the lines were made for it, and a line too wide would push the others down. */
function fitted(
  lines: readonly string[],
  { columns, rows, cut }: { readonly columns: number; readonly rows: number; readonly cut: string },
): readonly string[] {
  return lines.slice(0, rows).map((line) => (widthOf(line) <= columns ? line : fitText(stripVTControlCharacters(line), columns, cut)));
}
