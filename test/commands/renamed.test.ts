import { expect, test } from '@jest/globals';
import { buildProgram, parse } from '../../src/commands/program.ts';
import { followRenames, RENAMES, type Renames } from '../../src/commands/renamed.ts';
import { REGISTRY } from '../../src/commands/registry.ts';

const RENAMED: Renames = {
  commands: [
    { from: 'keys', to: 'list' },
    { from: 'plan change', to: 'tier set' },
  ],
  options: [
    { command: 'list', from: '--owner', to: '--account' },
    { command: 'tier set', from: '--immediately', to: '--now' },
  ],
};

test.each([
  ['list --account acme', 'list --account acme', 0],
  ['keys', 'list', 1],
  ['--db x.db keys --owner acme', '--db x.db list --account acme', 2],
  ['list --owner=acme', 'list --account=acme', 1],
  ['--json plan --quiet change free --immediately', '--json tier set --quiet free --now', 2],
  ['create --owner x', 'create --owner x', 0],
  ['view -- keys', 'view -- keys', 0],
  ['list -- --owner', 'list -- --owner', 0],
  ['create --name keys', 'create --name keys', 0],
])('keyctl %s is keyctl %s', (given, meant, told) => {
  const { argv, notes } = followRenames(given.split(' '), RENAMED);
  expect(argv.join(' ')).toBe(meant);
  expect(notes).toHaveLength(told);
});

test('a former name works to the end, and help does not know it', async () => {
  const { argv } = followRenames(['keys', '--owner', 'acme'], RENAMED);
  let options: unknown = null;
  let help = '';
  const program = await buildProgram(argv, {
    version: '0',
    write: (text) => (help += text),
    run: (_, __, given) => ((options = given), Promise.resolve(0)),
  });
  expect(await parse(program, argv)).toBe(0);
  expect(options).toEqual({ account: 'acme' });
  await parse(await buildProgram(['list', '--help'], { version: '0', write: (text) => (help += text), run: () => Promise.resolve(0) }), [
    'list',
    '--help',
  ]);
  expect(help).not.toMatch(/--owner|keys --/);
});

test('every rename leads to a command that there is, and takes no name that one has', () => {
  const paths = REGISTRY.map(({ path }) => path);
  for (const { from, to } of RENAMES.commands) {
    expect(paths).toContain(to);
    expect(paths).not.toContain(from);
  }
  for (const { command } of RENAMES.options) expect(paths).toContain(command);
});
