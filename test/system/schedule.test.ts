import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { systemdSchedule } from '../../src/commands/scheduling/systemd.ts';
import { BINARY, keyctl, temporaryFolder } from '../harness.ts';
import { programPath } from './programs.ts';

const folder = temporaryFolder();

afterAll(() => folder.cleanUp());

/** Throws what systemd says when it would not load the units, or would ignore a line of them. */
function verify(names: readonly string[]): string {
  return execFileSync(programPath('systemd-analyze'), ['verify', '--man=no', ...names], {
    cwd: folder.path,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

test('systemd takes the units that are printed for this host without a word', async () => {
  expect(await keyctl(['schedule', '--systemd', '--out', folder.path], { db: join(folder.path, 'keyctl.db') })).toMatchObject({ code: 0 });
  expect(verify(['keyctl-reset.timer', 'keyctl-reset.service'])).toBe('');
});

test.each(['keyctl.db', 'a folder/100% "mine".db'])('and those for a store called %s, for the machine or for one user', (name) => {
  for (const forMachine of [true, false]) {
    const host = { interpreter: process.execPath, program: BINARY, store: join(folder.path, name), user: 'root', forMachine, minute: 0 };
    const kind = forMachine ? 'machine' : 'user';
    for (const [place, { text }] of systemdSchedule(host).files.entries()) {
      writeFileSync(join(folder.path, `${kind}.${place === 0 ? 'service' : 'timer'}`), text);
    }
    expect(verify([`${kind}.timer`, `${kind}.service`])).toBe('');
  }
});

test('systemd reads the time as midnight in UTC', () => {
  const told = execFileSync(programPath('systemd-analyze'), ['calendar', '--iterations=1', '*-*-* 00:00:00 UTC'], { encoding: 'utf8' });
  expect(told).toMatch(/00:00:00 UTC/);
});
