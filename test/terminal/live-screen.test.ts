import { describe, expect, test } from '@jest/globals';
import { openLiveScreen } from '../../src/terminal/live-screen.ts';

/** A terminal and a keyboard that write down what is done with them. */
function scene(size: { columns: number; rows: number }, isTTY = true) {
  const done: string[] = [];
  let written = '';
  const resizes = new Set<() => void>();
  const typists = new Set<(typed: unknown) => void>();
  const terminal = {
    ...{ isTTY: true, ...size },
    write: (text: string) => (written += text),
    on: (_: 'resize', listener: () => void) => resizes.add(listener),
    off: (_: 'resize', listener: () => void) => resizes.delete(listener),
  };
  const keyboard = {
    isTTY,
    setRawMode: (raw: boolean) => done.push(`raw ${String(raw)}`),
    on: (_: 'data', listener: (typed: unknown) => void) => typists.add(listener),
    off: (_: 'data', listener: (typed: unknown) => void) => typists.delete(listener),
    resume: () => done.push('resume'),
    pause: () => done.push('pause'),
  };
  const screen = openLiveScreen({
    terminal,
    keyboard,
    cut: '…',
    onQuit: () => done.push('quit'),
    onSuspend: () => done.push('suspend'),
    onResize: () => done.push('resize'),
  });
  const taken = (): string => {
    const text = written;
    written = '';
    return text;
  };
  const each = <Argument>(listeners: Set<(argument: Argument) => void>, argument: Argument): void => {
    for (const listener of listeners) listener(argument);
  };
  return { screen, done, taken, terminal, type: (keys: string) => each(typists, keys), resize: () => each(resizes as never, undefined) };
}

describe('a live screen', () => {
  test('takes the other screen and gives back the first, keyboard and cursor included', () => {
    const { screen, done, taken, type, resize } = scene({ columns: 80, rows: 24 });
    expect(taken()).toBe('\u001b[?1049h\u001b[?25l');
    screen.close();
    expect(taken()).toBe('\u001b[?25h\u001b[?1049l');
    type('q');
    resize();
    expect(done).toEqual(['raw true', 'resume', 'raw false', 'pause']);
  });

  test('draws over what is there, and clears what is left of it', () => {
    const { screen, taken } = scene({ columns: 80, rows: 24 });
    taken();
    screen.draw(['one', 'two']);
    expect(taken()).toBe('\u001b[?2026h\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J\u001b[?2026l');
  });

  test('draws no more than has room, so that nothing scrolls', () => {
    const { screen, taken } = scene({ columns: 5, rows: 2 });
    taken();
    screen.draw(['\u001b[31m1234567\u001b[39m', '鍵鍵鍵', 'three']);
    expect(taken()).toBe('\u001b[?2026h\u001b[H1234…\u001b[K\r\n鍵鍵…\u001b[K\u001b[J\u001b[?2026l');
  });

  test.each(['q', 'Q', '\u0003', '\u0004', '\u001b'])('is left with %j', (key) => {
    const { done, type } = scene({ columns: 80, rows: 24 });
    type('x');
    type('\u001b[A');
    expect(done).not.toContain('quit');
    type(key);
    expect(done.at(-1)).toBe('quit');
  });

  test('is left by a q among other keys that were typed quickly', () => {
    const { done, type } = scene({ columns: 80, rows: 24 });
    type('jjq');
    expect(done.at(-1)).toBe('quit');
  });

  test('gives the terminal back while something lasts, draws nothing then, and all of it anew after it', async () => {
    const { screen, done, taken, type } = scene({ columns: 80, rows: 24 });
    taken();
    type('\u001a');
    expect(done.at(-1)).toBe('suspend');
    await screen.leftDuring(() => {
      expect(taken()).toBe('\u001b[?25h\u001b[?1049l');
      screen.draw(['nobody sees this']);
      return Promise.resolve();
    });
    expect(taken()).toBe('\u001b[?1049h\u001b[?25l');
    expect(done.slice(-5)).toEqual(['raw false', 'pause', 'raw true', 'resume', 'resize']);
  });

  test('stays closed when it was closed meanwhile', async () => {
    const { screen, taken } = scene({ columns: 80, rows: 24 });
    taken();
    await screen.leftDuring(() => {
      screen.close();
      return Promise.resolve();
    });
    expect(taken()).toBe('\u001b[?25h\u001b[?1049l');
  });

  test('knows the size of its window, also when that changes', () => {
    const { screen, done, terminal, resize } = scene({ columns: 0, rows: 0 });
    expect([screen.columns, screen.rows]).toEqual([80, 24]);
    [terminal.columns, terminal.rows] = [200, 50];
    resize();
    expect(done.at(-1)).toBe('resize');
    expect([screen.columns, screen.rows]).toEqual([200, 50]);
  });

  test('does without a keyboard', () => {
    const { screen, done } = scene({ columns: 80, rows: 24 }, false);
    screen.close();
    expect(done).toEqual([]);
  });
});
