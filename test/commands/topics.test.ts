import { describe, expect, test } from '@jest/globals';
import { helpAsOption } from '../../src/commands/bare.ts';
import { topicText } from '../../src/commands/helping/topic-text.ts';
import { TOPICS } from '../../src/commands/helping/topics.ts';
import { positionals } from '../../src/commands/program.ts';
import { hanging, rows } from '../../src/terminal/prose.ts';
import { keyctl } from '../harness.ts';
import { page, section, tableOf } from '../markdown.ts';

const CLI = page('docs/cli.md');
const words = (text: string): string => text.replaceAll(/\s+/g, ' ');

describe('a topic of help', () => {
  test.each([
    ['environment', '## Environment variables'],
    ['exit-codes', '## Exit codes'],
    ['exit-codes', '## Error codes'],
    ['formatting', '## How things are written'],
  ] as const)('%s has every row that docs/cli.md has under %s, in its order', (topic, heading) => {
    const told = words(topicText(topic, CLI, 80));
    let from = 0;
    for (const cells of tableOf(section(CLI, heading))) {
      const row = words(
        cells
          .filter((cell) => cell !== '')
          .join(' ')
          .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1'),
      );
      const place = told.indexOf(row, from);
      expect([row, place >= from]).toEqual([row, true]);
      from = place;
    }
  });

  test('json has every shape with its fields', () => {
    const told = words(topicText('json', CLI, 80));
    const shapes = [...CLI.matchAll(/^### JSON: (.+)$/gm)].map(([, name = '']) => name);
    expect(shapes.length).toBeGreaterThan(20);
    for (const shape of shapes) {
      const fields = tableOf(section(CLI, `### JSON: ${shape}`)).map(([name]) => name);
      expect(told).toContain(`${shape} ${fields.join(', ')}`);
    }
  });

  test.each(TOPICS.flatMap((topic) => [40, 80, 200].map((columns) => [topic, columns] as const)))(
    '%s has nothing of Markdown left in it, and fits into %i columns',
    (topic, columns) => {
      const told = topicText(topic, CLI, columns);
      expect(told).not.toMatch(/`|\*\*|\]\(|\| ---|^#/m);
      // What cannot be broken, such as a path, may be wider than a very narrow terminal.
      const wide = told.split('\n').filter((line) => line.length > columns && line.trim().split(/ +/).length > 2);
      expect(columns === 40 ? [] : wide).toEqual([]);
    },
  );

  test.each([
    [
      ['help', 'json'],
      ['help', 'json'],
    ],
    [
      ['--json', 'help', 'exit-codes'],
      ['--json', 'help', 'exit-codes'],
    ],
    [
      ['help', 'list'],
      ['list', '--help'],
    ],
    [
      ['help', 'help'],
      ['help', '--help'],
    ],
  ])('%j is %j', (given, meant) => {
    expect(helpAsOption(given, positionals(given))).toEqual(meant);
  });

  test('needs no store, and is JSON with --json', async () => {
    const [plain, json] = await Promise.all([
      keyctl(['help', 'exit-codes'], { db: '/nowhere/keyctl.db' }),
      keyctl(['help', 'exit-codes', '--json'], { db: '/nowhere/keyctl.db' }),
    ]);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout)).toEqual({ topic: 'exit-codes', text: plain.stdout.trimEnd() });
  });
});

test('a term that is wider than its column has a line of its own', () => {
  expect(hanging('a-long-term', 'what it means', 6, 40)).toBe('a-long-term\n      what it means');
  expect(hanging('a', 'what it means to be', 6, 26)).toBe('a     what it means to be');
  expect(
    rows(
      [
        ['a', 'b', 'c d'],
        ['aa', 'b', 'e'],
      ],
      80,
    ),
  ).toBe('  a   b  c d\n  aa  b  e');
});
