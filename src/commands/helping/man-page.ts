import { Command, type Option } from 'commander';
import type { Entry } from '../registry.ts';
import { blocksOf, sectionOf } from './document.ts';

export interface Manual {
  readonly version: string;
  /** docs/cli.md */
  readonly page: string;
  readonly program: Command;
  readonly registry: readonly Entry[];
}

/**
 * The manual page, apikeyctl(1), in the macros of man(7): keyctl(1) belongs to keyutils on many hosts. Commands, arguments and options are
 * those that the program declares; the rest is in docs/cli.md.
 */
export async function manPage({ version, page, program, registry }: Manual): Promise<string> {
  const commands = await Promise.all(registry.map(commandPart));
  return [
    `.TH APIKEYCTL 1 "" "keyctl ${text(version)}" "keyctl"`,
    ...['.SH NAME', `apikeyctl, keyctl \\- ${text(program.description())}`],
    ...[
      '.SH SYNOPSIS',
      '.B keyctl',
      '.RI [ options ]',
      '.I command',
      '.RI [ arguments ]',
      '.br',
      '.B apikeyctl',
      '.RI [ options ]',
      '.I command',
    ],
    ...['.SH DESCRIPTION', ...prose(page, 'What is printed')],
    ...[
      '.SH GLOBAL OPTIONS',
      text('They stand before or after the command.'),
      ...program.options.flatMap(optionPart),
      ...item('--help', 'show help'),
    ],
    ...['.SH COMMANDS', ...commands.flat()],
    ...['.SH NAMING A STORE', ...prose(page, 'Which store')],
    ...['.SH NAMING A KEY', ...prose(page, 'Which key')],
    ...['.SH HOW THINGS ARE WRITTEN', ...prose(page, 'How things are written')],
    ...['.SH ENVIRONMENT', ...prose(page, 'Environment variables')],
    ...['.SH EXIT STATUS', ...prose(page, 'Exit codes')],
    ...[
      '.SH FILES',
      ...item('/var/lib/keyctl/keyctl.db', "the system's store, if it is there"),
      ...item('~/.local/share/keyctl/keyctl.db', "a user's own, on Linux"),
    ],
    ...[
      '.SH SEE ALSO',
      '.BR systemd.timer (5),',
      '.BR crontab (5)',
      '.PP',
      text('The documents that come with the package: docs/cli.md has the same with examples, JSON and error codes.'),
      '',
    ],
  ].join('\n');
}

async function commandPart({ path, summary, load }: Entry): Promise<readonly string[]> {
  const command = new Command(path);
  (await load()).command.configure(command);
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return { name: argument.required ? `<${name}>` : `[${name}]`, description: argument.description };
  });
  const visible = command.options.filter(({ hidden }) => !hidden);
  const usage = [...(visible.length > 0 ? ['[options]'] : []), ...args.map(({ name }) => name)].map((word) => ` ${text(word)}`).join('');
  return [
    `.SS "keyctl ${text(path)}"`,
    `.B keyctl ${text(path)}\\fR${usage}`,
    '.PP',
    text(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`),
    ...args.flatMap(({ name, description }) => item(name, description)),
    ...visible.flatMap(optionPart),
  ];
}

function optionPart({ flags, description }: Option): readonly string[] {
  return item(flags, description);
}

function item(term: string, meaning: string): readonly string[] {
  return ['.TP', `.B ${text(term)}`, text(meaning)];
}

/** A section of docs/cli.md. Tables become terms with their meanings. */
function prose(page: string, title: string): readonly string[] {
  return blocksOf(sectionOf(page, title).text).flatMap((block) => {
    switch (block.kind) {
      case 'paragraph':
        return ['.PP', text(block.text)];
      case 'list':
        return block.items.flatMap((entry) => ['.IP \\(bu 2', text(entry)]);
      case 'table':
        return block.rows.flatMap(([term = '', ...rest]) => item(term, rest.filter((cell) => cell !== '').join(': ')));
    }
  });
}

/** Text that roff takes as it is: hyphens that can be copied, nothing but ASCII, and no request at the beginning of a line. */
function text(plain: string): string {
  const escaped = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('"', '\\(dq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll(/[^\u0020-\u007e]/gu, (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`);
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
