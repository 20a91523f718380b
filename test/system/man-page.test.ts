import { execFileSync, spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { REGISTRY } from '../../src/commands/registry.ts';
import { page, ROOT } from '../markdown.ts';
import { programPath } from './programs.ts';

// The manual page that the build makes, as man shows it.

const PAGE = `${ROOT}dist/apikeyctl.1`;
/** As terminals of paper were told to print bold: the same character twice, with a backspace between. */
const OVERSTRUCK = new RegExp(`.${String.fromCharCode(8)}`, 'g');
let shown: string;

beforeAll(() => {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', MANWIDTH: '100', MAN_KEEP_FORMATTING: '', MANROFFOPT: '-c' };
  shown = execFileSync(programPath('man'), ['-l', PAGE], { env, encoding: 'utf8' }).replaceAll(OVERSTRUCK, '');
});

test('groff has nothing to say against it', () => {
  const { status, stderr, stdout } = spawnSync(programPath('groff'), ['-man', '-Tutf8', '-ww', '-b', '-z', PAGE], { encoding: 'utf8' });
  expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '' });
});

test('nor has man', () => {
  const { status, stderr } = spawnSync(programPath('man'), ['--warnings=w', '-l', PAGE], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe('it has', () => {
  test.each(REGISTRY.map((entry) => [entry.path, entry] as const))('keyctl %s with all that it takes', async (path, entry) => {
    const command = new Command(path);
    (await entry.load()).command.configure(command);
    const start = shown.search(new RegExp(`^ {3}keyctl ${path}$`, 'm'));
    expect(start).toBeGreaterThan(0);
    const part = shown.slice(start, start + 1 + shown.slice(start + 1).search(/^( {3})?\S/m));
    for (const { flags, hidden } of command.options) if (!hidden) expect(part).toContain(flags);
    for (const argument of command.registeredArguments) expect(part).toContain(argument.name());
  });

  test('its name under which man finds it, and the sections of every manual page', () => {
    expect(JSON.parse(page('package.json'))).toMatchObject({ man: ['dist/apikeyctl.1'] });
    expect(shown).toMatch(/^NAME\n +apikeyctl, keyctl - API keys/m);
    for (const heading of ['SYNOPSIS', 'DESCRIPTION', 'COMMANDS', 'ENVIRONMENT', 'EXIT STATUS', 'FILES', 'SEE ALSO']) {
      expect(shown).toMatch(new RegExp(`^${heading}$`, 'm'));
    }
    expect(shown).toMatch(/KEYCTL_DB[\s\S]*130[\s\S]*Ctrl-C/);
    expect(shown).not.toMatch(/`|\]\(|\\f/);
  });
});
