import { describe, expect, test } from '@jest/globals';
import { glyphs } from '../../src/terminal/glyphs.ts';
import { progressBar } from '../../src/terminal/progress-bar.ts';

describe('the bar of something that takes long', () => {
  function watched() {
    const clock = { now: 0 };
    const screen = { text: '', isTTY: true, columns: 100, write: (text: string) => (screen.text += text) };
    return { clock, screen, bar: progressBar(screen, () => clock.now, glyphs(true)) };
  }

  test('does not come for what is done within a second', () => {
    const { clock, screen, bar } = watched();
    bar.show({ text: 'closing 2026-11-22', done: 10, total: 100 });
    clock.now = 999;
    bar.show({ text: 'closing 2026-11-22', done: 20, total: 100 });
    bar.clear();
    expect(screen.text).toBe('');
  });

  test('says what is being done and how much of it, and goes when it is cleared', () => {
    const { clock, screen, bar } = watched();
    clock.now = 1_000;
    bar.show({ text: 'closing 2026-11-22', done: 10, total: 100 });
    expect(screen.text).toContain('closing 2026-11-22');
    expect(screen.text).toContain('10 %');
    bar.show({ text: 'pruning', done: 30, total: 40 });
    expect(screen.text).toContain('pruning');
    expect(screen.text).toContain('75 %');
    screen.text = '';
    bar.clear();
    expect(screen.text).not.toContain('75 %');
    expect(screen.text).not.toContain('\n');
  });
});
