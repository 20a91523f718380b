/**
 * Breaks each promise on purpose, in a copy of the tree, and looks whether a test goes red. A mutation that every test survives is a
 * promise that nothing holds; one that no longer applies is out of date. Both fail the run. With a word as its argument it tries only
 * those whose description or file has it; a second one is a test to try them with instead of their own.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MORE_MUTATIONS } from './more-mutations.js';
import { MUTATIONS } from './mutations.js';
import { POSTGRES_MUTATIONS } from './postgres-mutations.js';

const ROOT = join(import.meta.dirname, '..', '..');
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'dist.new', 'coverage']);
const COPIES = Math.min(2, availableParallelism());

/** A copy that shares nothing with the tree but its modules. What tests run of the built program is the unbroken one. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'keyctl-mutations-'));
  cpSync(ROOT, copy, { recursive: true, filter: (path) => path === ROOT || !LEFT_OUT.has(path.slice(ROOT.length + 1)) });
  for (const folder of ['node_modules', 'dist']) symlinkSync(join(ROOT, folder), join(copy, folder));
  return copy;
}

/** What Jest says of the files: how many tests failed, and whether the files could be loaded at all. */
function runTests(copy, files) {
  const args = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--ci', '--silent', '--maxWorkers=2'];
  const report = join(copy, 'outcome.json');
  rmSync(report, { force: true });
  // The model needs a few sequences only, always the same, and the first that fails will do.
  const model = { KEYCTL_TEST_SEQUENCES: '300', KEYCTL_TEST_SEED: '1', KEYCTL_TEST_FIRST: '1' };
  const child = spawn(process.execPath, [...args, '--json', '--outputFile', report, ...files], {
    cwd: copy,
    env: { ...process.env, ...model },
  });
  let stderr = '';
  child.stdout.resume();
  child.stderr.on('data', (chunk) => (stderr += chunk));
  return new Promise((resolve) => {
    child.once('close', () => {
      try {
        const { numFailedTests, numPassedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
        resolve({ failed: numFailedTests, passed: numPassedTests, unloaded: numRuntimeErrorTestSuites, stderr });
      } catch {
        resolve({ failed: 0, passed: 0, unloaded: files.length, stderr });
      }
    });
  });
}

function applied({ file, find, put }, source) {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`${file} has ${String(places)} places for it; the mutation is out of date`);
  return source.replace(find, () => put);
}

/** One test file after the other, until one is red. */
async function tryMutation(copy, mutation) {
  const path = join(copy, mutation.file);
  const source = readFileSync(path, 'utf8');
  try {
    writeFileSync(path, applied(mutation, source));
    for (const file of mutation.red) {
      const { failed, unloaded, stderr } = await runTests(copy, [file]);
      if (unloaded > 0) return { outcome: 'BROKEN', by: file, told: stderr };
      if (failed > 0) return { outcome: 'red', by: file };
    }
    return { outcome: 'SURVIVED', by: mutation.red.join(', ') };
  } catch (error) {
    return { outcome: 'OUT OF DATE', by: error.message };
  } finally {
    writeFileSync(path, source);
  }
}

const [wanted = '', only] = process.argv.slice(2);
const mutations = [...MUTATIONS, ...MORE_MUTATIONS, ...POSTGRES_MUTATIONS]
  .filter(({ says, file }) => `${says} ${file}`.includes(wanted))
  .map((mutation) => (only === undefined ? mutation : { ...mutation, red: [only] }));
const began = performance.now();
const copies = Array.from({ length: COPIES }, copyTree);
const results = new Map();
try {
  // Red means nothing where it was red before.
  const used = [...new Set(mutations.flatMap(({ red }) => red))];
  const whole = await runTests(copies[0], used);
  if (whole.failed + whole.unloaded > 0) throw new Error(`The tests fail without any mutation:\n${whole.stderr}`);
  const waiting = [...mutations];
  await Promise.all(
    copies.map(async (copy) => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results.set(next, await tryMutation(copy, next));
    }),
  );
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}

for (const mutation of mutations) {
  const { outcome, by, told = '' } = results.get(mutation);
  const test = by.startsWith('test/')
    ? by
        .split(', ')
        .map((file) => basename(file, '.test.ts'))
        .join(', ')
    : by;
  console.log(`${String(mutation.promise)}  ${outcome.padEnd(9)} ${mutation.says.padEnd(76)} ${test}`);
  if (told !== '') console.log(told);
}
const red = mutations.filter((mutation) => results.get(mutation).outcome === 'red').length;
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
console.log(`${String(red)} of ${String(mutations.length)} mutations are red, in ${seconds} s.`);
if (red < mutations.length) process.exitCode = 1;
