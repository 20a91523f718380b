import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { REGISTRY, type Entry } from '../src/commands/registry.ts';
import { piped } from './commands/piped-call.ts';
import { atTerminal } from './commands/scripted-call.ts';
import { temporaryStore, type TestClock } from './harness.ts';
import { page, section, tableOf } from './markdown.ts';

// The columns and the fields that docs/cli.md promises are those that the commands print, in their order.

const CLI = page('docs/cli.md');
const WITH_JSON = REGISTRY.filter(({ path }) => path !== 'serve');

let opened: { path: string; clock: TestClock; cleanUp: () => Promise<void> };

/** A store in which every list has a row. */
beforeAll(async () => {
  opened = await temporaryStore('2026-11-22T12:00:00.000Z');
  for (const argv of [
    ['create', '--name', 'old'],
    ['rotate', 'old', '--grace', '1h'],
    ['create', '--name', 'prod'],
    ['charge', '--key', 'prod'],
    ['verify', '--charge'],
    ['credit', '+5', '--reason', 'a test'],
    ['create', '--name', 'ending', '--expires', '1h'],
    // Nobody listens there, so that the message waits.
    ['alert', 'set', 'http://127.0.0.1:9/'],
    ['reset'],
  ]) {
    await piped([...argv, '--actor', 'tester'], { ...opened, stdin: 'no key' });
  }
});

afterAll(async () => {
  await opened.cleanUp();
});

/** What makes a call of a command that needs more than its required arguments do something. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'tier edit': ['free', '--daily-credits', '5'],
  'tier set': ['standard'],
};

async function requiredArguments({ path, load }: Entry): Promise<readonly string[]> {
  const command = new Command(path);
  (await load()).command.configure(command);
  return ARGUMENTS[path] ?? command.registeredArguments.filter(({ required }) => required).map(() => 'x');
}

interface Promised {
  readonly entry: Entry;
  /** The options with which it holds. */
  readonly options: readonly string[];
  readonly text: string;
}

/** The lines of the commands' sections that begin with the word, such as "Columns with `--dry-run`: …". */
function promised(word: string): readonly (readonly [string, Promised])[] {
  const line = new RegExp(String.raw`^${word}(?: with \x60([^\x60]+)\x60)?: (.*)$`, 'gm');
  return WITH_JSON.flatMap((entry) =>
    [...section(CLI, `### keyctl ${entry.path}`).matchAll(line)].map(([, flags, text = '']) => {
      const options = flags?.split(' ') ?? [];
      return [[entry.path, ...options].join(' '), { entry, options, text }] as const;
    }),
  );
}

describe('the columns of', () => {
  test.each(promised('Columns'))('keyctl %s', async (_, { entry, options, text }) => {
    const columns = [...(text.split('.')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, column]) => column);
    const argv = [...entry.path.split(' '), ...(await requiredArguments(entry)), ...options];
    const person = await atTerminal(argv, [], { ...opened, columns: 500 });
    expect(person.stdout.split('\n')[0]?.trim().split(/ {2,}/)).toEqual(columns);
    const script = await piped(argv, opened);
    expect(script.stdout.split('\n')[0]?.split('\t')).toHaveLength(columns.length);
  });

  test('every command that prints a table are told', () => {
    const told = [...new Set(promised('Columns').map(([, { entry }]) => entry.path))];
    const file = (path: string): string => `src/commands/${path === 'credit' ? 'credit/give' : path.replace(' ', '/')}.ts`;
    const withTable = WITH_JSON.filter(({ path }) => /\bshow(?:Listing|Traffic|Preview)\(/.test(page(file(path))));
    expect(told).toEqual(withTable.map(({ path }) => path));
  });
});

describe('the JSON of', () => {
  /** The fields of a shape, given the anchor of its heading. */
  function fieldsOf(anchor: string): readonly (string | undefined)[] {
    return tableOf(section(CLI, `### JSON: ${anchor.replaceAll('-', ' ')}`)).map(([field]) => field);
  }

  test.each(promised('JSON'))('keyctl %s', async (_, { entry, options, text }) => {
    const [, anchor = ''] = /\]\(#json-([a-z-]+)\)/.exec(text) ?? [];
    const more = [...text.matchAll(/`([A-Za-z]+)`/g)].map(([, field]) => field);
    const argv = [...entry.path.split(' '), ...(await requiredArguments(entry)), ...options];
    const { code, stderr } = await piped([...argv, '--fields', 'nope'], opened);
    expect(code).toBe(2);
    expect(/Fields: (.*)\./.exec(stderr)?.[1]?.split(', ')).toEqual([...fieldsOf(anchor), ...more]);
  });

  test('every command is told, and every shape is some command’s', () => {
    const told = promised('JSON');
    expect([...new Set(told.map(([, { entry }]) => entry.path))]).toEqual(WITH_JSON.map(({ path }) => path));
    const shapes = [...CLI.matchAll(/^### JSON: (.+)$/gm)].map(([, name = '']) => name.replaceAll(' ', '-'));
    const used = new Set(told.map(([, { text }]) => /\]\(#json-([a-z-]+)\)/.exec(text)?.[1]));
    expect(shapes.filter((shape) => !used.has(shape))).toEqual([]);
  });
});
