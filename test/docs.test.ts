import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { EXIT, EXIT_CODE_OF_ERROR } from '../src/commands/exit-codes.ts';
import { buildProgram, parse } from '../src/commands/program.ts';
import { NOUNS, REGISTRY, type Entry } from '../src/commands/registry.ts';
import { parseDuration } from '../src/domain/utc-day.ts';
import { SETTINGS } from '../src/domain/settings.ts';
import { invocations, page, recipeAsPage, ROOT, section, tableOf } from './markdown.ts';

// The documents and the program say the same, in both directions. What the commands print is compared in docs-output.test.ts.

const CLI = page('docs/cli.md');
const SOURCES = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => page(`src/${name}`));

/** A command with its arguments and options, as commander has them. */
async function declared(entry: Entry): Promise<Command> {
  const command = new Command(entry.path);
  (await entry.load()).command.configure(command);
  return command;
}

function argumentsOf(command: Command): readonly string[] {
  return command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
}

/** The whole program; with the words of a call it has that command's options, and a run does nothing. */
const program = (argv: readonly string[] = []): Promise<Command> =>
  buildProgram(argv, { version: '0', write: () => undefined, run: () => Promise.resolve(0) });

async function globalOptions(): Promise<readonly string[]> {
  return [...(await program()).options.map(({ flags }) => flags), '--help'];
}

/** The long options that stand in a text by themselves, as code: `--json`, `--fields id,name`. */
function optionsNamedIn(text: string): readonly string[] {
  return [...text.matchAll(/`(--[a-z][a-z-]*)[^`\n]*`/g)].map(([, name = '']) => name);
}

/** Every text in the sources that the expression captures, once. */
function inSources(expression: RegExp): readonly string[] {
  return [...new Set(SOURCES.flatMap((source) => [...source.matchAll(expression)].map(([, found = '']) => found)))].sort();
}

describe('docs/cli.md', () => {
  test('has every command, and no other, in the order of the registry', () => {
    const headings = [...CLI.matchAll(/^### keyctl (.+)$/gm)].map(([, path]) => path);
    expect(headings).toEqual(REGISTRY.map(({ path }) => path));
  });

  test.each(REGISTRY.map((entry) => [entry.path, entry] as const))(
    'describes keyctl %s with all of its arguments and options, and no other',
    async (path, entry) => {
      const command = await declared(entry);
      const text = section(CLI, `### keyctl ${path}`);
      const args = argumentsOf(command);
      const options = command.options.map(({ flags }) => flags);
      expect(text).toContain(`\n    ${['keyctl', path, ...(options.length > 0 ? ['[options]'] : []), ...args].join(' ')}\n`);
      const rows = tableOf(text);
      expect(rows.map(([name]) => name)).toEqual([...args, ...options]);
      for (const [, meaning] of rows) expect(meaning).not.toBe('');
      const known = [...options, ...(await globalOptions())].map((flags) => flags.split(' ')[0]);
      expect(known).toEqual(expect.arrayContaining([...optionsNamedIn(text)]));
    },
  );

  test('names no option that no command has', async () => {
    const all = await Promise.all(REGISTRY.map(async (entry) => (await declared(entry)).options.map(({ long }) => long)));
    const known = [...all.flat(), ...(await globalOptions()).map((flags) => flags.split(' ')[0])];
    expect(known).toEqual(expect.arrayContaining([...optionsNamedIn(CLI)]));
  });

  test('has the global options', async () => {
    expect(tableOf(section(CLI, '## Global options')).map(([flags]) => flags)).toEqual(await globalOptions());
  });

  test('has the exit codes', () => {
    const rows = tableOf(section(CLI, '## Exit codes'));
    expect(rows.map(([code, name]) => [name, Number(code)])).toEqual(Object.entries(EXIT));
    for (const [, , meaning] of rows) expect(meaning).toMatch(/\.$/);
  });

  test('has the error codes with their exit codes, what they mean and what to do', () => {
    const rows = tableOf(section(CLI, '## Error codes'));
    expect(rows.map(([code, exit]) => [code, Number(exit)])).toEqual(Object.entries(EXIT_CODE_OF_ERROR));
    for (const [code, , meaning, remedy] of rows) {
      expect(meaning).toMatch(/^[A-Z].*\.$/);
      if (code !== 'cancelled') expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('has the settings with their defaults and the least they can be', () => {
    const rows = tableOf(section(CLI, '## Settings'));
    expect(rows.map(([name, fallback, least = '']) => [name, fallback, parseDuration(least)])).toEqual(
      SETTINGS.map(({ name, fallback, least }) => [name, fallback, least]),
    );
  });

  test('has the environment variables that the program reads', () => {
    const rows = tableOf(section(CLI, '## Environment variables')).map(([name = '']) => name);
    const elsewhere = ['KEYCTL_SERVE_*', 'XDG_DATA_HOME'];
    expect(rows.filter((name) => !elsewhere.includes(name)).sort()).toEqual(inSources(/\benv\['([A-Z_]+)'\]/g));
    expect(rows).toEqual(expect.arrayContaining(elsewhere));
  });

  test('has the actions of the audit trail', () => {
    const [, listed = ''] = /^Actions: (.+)\.$/m.exec(section(CLI, '### keyctl audit')) ?? [];
    const written = inSources(/'((?:account|alert|config|credit|debit|env|key|service|store|tier)\.[a-z]+)'/g);
    expect(listed.replaceAll('`', '').split(', ')).toEqual(written);
  });

  test('has a heading for each link into itself', () => {
    const anchors = [...CLI.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, anchor] of CLI.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});

const MARKDOWN = readdirSync(`${ROOT}docs`).filter((name) => name.endsWith('.md'));
const PAGES = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...MARKDOWN.map((name) => `docs/${name}`)];

describe('every command that a document shows', () => {
  const recipes = readdirSync(`${ROOT}recipes`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(`${ROOT}recipes`, join(entry.parentPath, entry.name)))
    .filter((name) => name.includes('/'));
  const shown = [
    ...PAGES.flatMap((path) => invocations(page(path)).map((line) => [path, line] as const)),
    ...recipes
      .map((name) => `recipes/${name}`)
      .flatMap((path) => invocations(recipeAsPage(page(path))).map((line) => [path, line] as const)),
  ];

  test('is found where documents show some', () => {
    for (const path of [
      'README.md',
      'docs/cli.md',
      'docs/concepts.md',
      'recipes/nginx/keyctl.conf',
      'recipes/caddy/keyctl.caddy',
      'recipes/haproxy/keyctl.cfg',
      'recipes/systemd/keyctl.service',
      'recipes/cron/keyctl',
    ]) {
      expect(shown.filter(([from]) => from === path).length).toBeGreaterThan(0);
    }
  });

  test.each(shown)('%s: %s', async (_, line) => {
    const words = line.split(/\s+/).slice(1);
    const [first = '', second = ''] = words.filter((word) => !word.startsWith('-') && !word.startsWith('['));
    const entry = REGISTRY.find(({ path }) => path === `${first} ${second}`) ?? REGISTRY.find(({ path }) => path === first);
    if (entry === undefined) expect(['', '<command>', ...Object.keys(NOUNS)]).toContain(first);
    const options = [...(await program()).options, ...(entry === undefined ? [] : (await declared(entry)).options)].map(({ long }) => long);
    const used = [...line.matchAll(/(?<![\w'"])--[a-z][a-z-]*/g)].map(([option]) => option);
    for (const option of used) expect([...options, '--help']).toContain(option);
  });
});

describe('every example in a block for the shell', () => {
  const examples = PAGES.flatMap((path) =>
    [...page(path).matchAll(/^```sh\n.*?^```/gms)].flatMap(([block]) => invocations(block)).map((line) => [path, line] as const),
  );

  test('is found: one at least for each command', () => {
    for (const { path } of REGISTRY) {
      expect(examples.some(([from, line]) => from === 'docs/cli.md' && `${line} `.startsWith(`keyctl ${path} `))).toBe(true);
    }
  });

  test.each(examples)('%s: %s is what the command takes', async (_, line) => {
    const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
    const argv = words.slice(1);
    expect(await parse(await program(argv), argv)).toBe(0);
  });
});

describe('every key that a page makes', () => {
  const pages = ['README.md', 'docs/tutorial.md', 'docs/issue.md', 'docs/rotate.md', 'docs/postgresql.md'];
  const lines = pages.flatMap((name) =>
    page(name)
      .split('\n')
      .filter((line) => /^ *(KEY=\$\((npx )?)?keyctl create /.test(line))
      .map((line) => [name, line.trim()] as const),
  );

  test('is found', () => {
    expect(lines.length).toBeGreaterThan(7);
  });

  // A question on the terminal would take the next pasted lines for its answer. Where stdout is no terminal, nobody is asked.
  test.each(lines)('%s: %s asks nobody', (_, line) => {
    if (line.startsWith('KEY=$(')) expect(line).toMatch(/--name/);
    else expect(line).toMatch(/--name .*--env /);
  });
});

test('README.md lists every command', () => {
  const rows = tableOf(section(page('README.md'), '## Commands'));
  const listed = rows.flatMap(([, commands = '']) => commands.split(' '));
  expect(listed).toEqual([...new Set(REGISTRY.map(({ path }) => path.split(' ')[0]))]);
});
