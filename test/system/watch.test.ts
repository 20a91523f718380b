import { beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY } from '../harness.ts';
import { desk } from './desk.ts';
import { eventually } from './running.ts';
import { type Screen } from './terminal.ts';

// `keyctl status --watch` in a real terminal, in every way in which somebody leaves it.

const at = desk();

beforeEach(async () => {
  await at.run('create', '--name', 'web shop');
  await at.run('charge', '--key', 'web shop', '--requests', '750');
});

const watch = (columns = 80): Screen => at.terminals.run(['status', '--watch', '--every', '1s'], { db: at.db, columns });
const SHOWN = /q leaves[^]*Busiest accounts today[^]*75 % of 100,000/;

/** What is on the screen while nothing of it is in the history. */
const linesOf = (seen: string): readonly string[] => seen.trimEnd().split('\n');

describe('keyctl status --watch in a terminal', () => {
  test('is drawn anew for each size that its window gets', async () => {
    const screen = watch();
    await screen.shows(SHOWN);
    expect(screen.state()).toEqual({ otherScreen: true, cursor: false });
    for (const columns of [200, 80, 50, 120]) {
      screen.resizes(columns, 40);
      await eventually(() => {
        const [title = ''] = linesOf(screen.sees());
        if (title.length !== columns || !title.endsWith(' UTC')) throw new Error(`not drawn for ${String(columns)} columns: ${title}`);
      });
      const lines = linesOf(screen.sees());
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      expect(lines.join('\n')).toMatch(SHOWN);
      // In a wide window there are two columns.
      expect(lines.some((line) => /^Store:.* {4,}Hottest keys now/.test(line))).toBe(columns >= 140);
    }
    screen.types('q');
    expect(await screen.ended()).toMatchObject({ code: 0 });
  });

  test.each([
    ['q', (screen: Screen) => screen.types('q')],
    ['Ctrl-C', (screen: Screen) => screen.types('C-c')],
    ['SIGTERM', (screen: Screen) => screen.signals('SIGTERM')],
    ['SIGINT', (screen: Screen) => screen.signals('SIGINT')],
  ])('gives the terminal back at %s, with exit code 0', async (_, leave) => {
    const screen = watch();
    await screen.shows(SHOWN);
    leave(screen);
    const { code, lines } = await screen.ended();
    expect(code).toBe(0);
    expect(screen.state()).toEqual({ otherScreen: false, cursor: true });
    expect(lines.join('\n')).not.toContain('Busiest');
    screen.types('typed and seen');
    await screen.shows('typed and seen');
  });

  test('gives the terminal back at Ctrl-Z, and takes it again at fg, in whatever size it is then', async () => {
    const screen = at.terminals.shell({ columns: 80, env: { KEYCTL_DB: at.db } });
    screen.types(`${process.execPath} ${BINARY} status --watch`, 'Enter');
    await screen.shows(SHOWN);
    screen.types('C-z');
    await screen.shows(/Stopped|suspended/);
    expect(screen.state()).toEqual({ otherScreen: false, cursor: true });
    screen.types('echo still $((40 + 2))', 'Enter');
    await screen.shows('still 42');
    screen.resizes(100, 40);
    screen.types('fg', 'Enter');
    await eventually(() => {
      if (linesOf(screen.sees())[0]?.length !== 100) throw new Error('not drawn for 100 columns');
    });
    expect(screen.state()).toEqual({ otherScreen: true, cursor: false });
    expect(screen.sees()).toMatch(SHOWN);
    screen.types('q');
    await eventually(() => {
      if (screen.state().otherScreen) throw new Error('it still has the screen');
    });
    screen.types('echo code $?', 'Enter');
    await screen.shows('code 0');
    expect(screen.state()).toEqual({ otherScreen: false, cursor: true });
  });

  test('through a pipe is exit 2, with --json a line for each look, until the reader goes', async () => {
    const screen = at.terminals.shell({ columns: 80, env: { KEYCTL_DB: at.db } });
    screen.types(`${process.execPath} ${BINARY} status --watch | cat; echo "code \${PIPESTATUS[0]}"`, 'Enter');
    await screen.shows('code 2');
    screen.types(
      `${process.execPath} ${BINARY} status --watch --json --every 1s --fields accounts | head -2; echo "code \${PIPESTATUS[0]}"`,
      'Enter',
    );
    await screen.shows(/\{"accounts":1\}\n\{"accounts":1\}\ncode 0/);
    expect(screen.state()).toEqual({ otherScreen: false, cursor: true });
  });
});
