import { describe, expect, test } from '@jest/globals';
import { transformFileSync } from '@swc/core';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('../../src/commands/serve-heap.ts', import.meta.url));
/** Makes objects of which many survive, a turn of the loop after another, and prints the most that the young generation was, in MiB. */
const SURVIVORS = `
  const v8 = await import('node:v8');
  let [kept, most] = [[], 0];
  for (let turn = 0; turn < 30; turn += 1) {
    for (let made = 0; made < 20_000; made += 1) kept.push({ made, of: [turn] });
    if (kept.length > 60_000) kept = kept.slice(-30_000);
    await new Promise(setImmediate);
    most = Math.max(most, v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 1_048_576);
  }
  process.stdout.write(String(most));`;

/** The same in a process of its own, since V8 is told for a whole process. */
function young(before: string): number {
  const { code } = transformFileSync(MODULE, { swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', `${code}\n${before}\n${SURVIVORS}`], { encoding: 'utf8' }));
}

describe('the heap of a server', () => {
  test('grows a young generation of 16 MiB and no larger one, where V8 would take 32', () => {
    expect(young('')).toBeGreaterThanOrEqual(32);
    const most = young('keepHeapSmall();');
    expect(most).toBeGreaterThanOrEqual(16);
    expect(most).toBeLessThan(20);
  });
});
