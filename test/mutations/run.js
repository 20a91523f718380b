/**
 * Breaks each promise on purpose, in a copy of the tree, and looks whether a test goes red. A mutation that every test survives is a
 * promise that nothing holds; one that no longer applies is out of date. Both fail the run. With a word as its argument it tries only
 * those whose description or file has it; a second one is a test to try them with instead of their own.
 *
 * A mutation names the test file that notices it, or `{ file, named }`: the tests in it whose names fit a pattern, where the whole file takes long.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MORE_MUTATIONS } from './more-mutations.js';
import { MUTATIONS } from './mutations.js';
import { POSTGRES_MUTATIONS } from './postgres-mutations.js';
import startPostgres from '../postgres/setup.js';
import stopPostgres from '../postgres/teardown.js';

const ROOT = join(import.meta.dirname, '..', '..');
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'dist.new', 'coverage']);
/** One more than there are processors, since those over PostgreSQL wait for it. */
const COPIES = availableParallelism() > 1 ? 3 : 1;

/** A copy that shares nothing with the tree but its modules. What tests run of the built program is the unbroken one. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'keyctl-mutations-'));
  cpSync(ROOT, copy, { recursive: true, filter: (path) => path === ROOT || !LEFT_OUT.has(path.slice(ROOT.length + 1)) });
  for (const folder of ['node_modules', 'dist']) symlinkSync(join(ROOT, folder), join(copy, folder));
  return copy;
}

/**
 * What Jest says of the files: how many tests failed, and whether the files could be loaded at all. With `named`, a pattern, only the tests
 * are run whose names it fits.
 */
function runTests(copy, files, named) {
  const args = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--ci', '--silent', '--maxWorkers=2'];
  // What a broken program holds on to, such as a connection that it does not close, or waits for in vain, must not keep the run from its end.
  args.push('--forceExit', '--testTimeout=60000');
  if (named !== undefined) args.push('--testNamePattern', named);
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

/** A file, all of whose tests are run, or some tests of it. */
function asTest(test) {
  return typeof test === 'string' ? { file: test } : test;
}

/** Runs exactly what will be run, and throws unless all of it is green: red means nothing where it was red before. */
async function checkUnbroken(copy, tests) {
  const whole = new Set(tests.filter(({ named }) => named === undefined).map(({ file }) => file));
  const some = tests.filter(({ file }) => !whole.has(file));
  const runs = [
    { files: [...whole], named: undefined },
    { files: [...new Set(some.map(({ file }) => file))], named: some.map(({ named }) => `(${named})`).join('|') },
  ];
  for (const { files, named } of runs) {
    if (files.length === 0) continue;
    const { failed, unloaded, stderr } = await runTests(copy, files, named);
    if (failed + unloaded > 0) throw new Error(`The tests fail without any mutation:\n${stderr}`);
  }
}

function tell({ promise, says }, { outcome, by, told = '' }, seconds) {
  const test = by.startsWith('test/') ? basename(by, '.test.ts') : by;
  console.log(`${String(promise)}  ${outcome.padEnd(11)} ${says.padEnd(82)} ${seconds.toFixed(1).padStart(5)} s  ${test}`);
  if (told !== '') console.log(told);
}

/** Tries them all, each copy one after the other, and tells how each came out and how long it took. Returns the outcomes. */
async function tryAll(copies, mutations) {
  const results = new Map();
  const waiting = [...mutations];
  const work = async (copy) => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const began = performance.now();
      const result = await tryMutation(copy, next);
      results.set(next, result.outcome);
      tell(next, result, (performance.now() - began) / 1_000);
    }
  };
  await Promise.all(copies.map(work));
  return results;
}

/** One test file after the other, until one is red. */
async function tryMutation(copy, mutation) {
  const path = join(copy, mutation.file);
  const source = readFileSync(path, 'utf8');
  try {
    writeFileSync(path, applied(mutation, source));
    for (const { file, named } of mutation.red.map(asTest)) {
      const { failed, passed, unloaded, stderr } = await runTests(copy, [file], named);
      if (unloaded > 0) return { outcome: 'BROKEN', by: file, told: stderr };
      if (failed > 0) return { outcome: 'red', by: file };
      if (passed === 0) return { outcome: 'OUT OF DATE', by: `${file} has no test named ${named}` };
    }
    return { outcome: 'SURVIVED', by: mutation.red.map((test) => asTest(test).file).join(', ') };
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
let results;
// One database server for all of them; each run of Jest would start its own.
await startPostgres();
try {
  // Who has just run all tests in this tree, as .ci/run has, says so, and need not run these twice.
  if (process.env.KEYCTL_TESTS_ARE_GREEN === undefined) {
    await checkUnbroken(
      copies[0],
      mutations.flatMap(({ red }) => red.map(asTest)),
    );
  }
  // The last of the list take longest.
  results = await tryAll(copies, [...mutations].reverse());
} finally {
  await stopPostgres();
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}

const red = mutations.filter((mutation) => results.get(mutation) === 'red').length;
const took = ((performance.now() - began) / 1_000).toFixed(0);
console.log(`${String(red)} of ${String(mutations.length)} mutations are red, in ${took} s.`);
if (red < mutations.length) process.exitCode = 1;
