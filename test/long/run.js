/**
 * Proves the promises for as long as there is time, 20 minutes or KEYCTL_LONG_MINUTES, and tells what was proved: sequences against the
 * model, kills, races, faults, inputs, secrets searched for, and mutations. With --write the figures go into docs/guarantees.md.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const MINUTES = Number(process.env.KEYCTL_LONG_MINUTES ?? 20);
/** What the mutations take, and all tests that have no budget. */
const REST_MINUTES = 6;
/** Four tests take what they are given and one half of it, two of them at once. */
const BUDGET_MS = Math.max(0.2, (MINUTES - REST_MINUTES) / 2.25) * 60_000;
/** A test that has something to tell writes it as one line of `what: figures`. */
const TOLD =
  /^(sequences|sequences over PostgreSQL|kills|kills around midnight|kills over PostgreSQL|failover|failover from a frozen primary|races|races over PostgreSQL|fuzz|faults injected|faults injected into serve|power losses|secrets scanned): (.+)$/gm;
const PLACE = /(<!-- long run -->\n\n)[\s\S]*?(\n\n<!-- end of long run -->)/;

/** Runs a program of this tree, shows what it says, and resolves with it. */
function run(args, env = {}) {
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    stdout += chunk;
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) process.exitCode = 1;
      resolve({ stdout, passed: code === 0 });
    });
  });
}

const began = performance.now();
const tests = await run(
  ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--config', 'jest.long.config.js'],
  {
    ...{ KEYCTL_TEST_MS: String(Math.round(BUDGET_MS)), KEYCTL_TEST_SEQUENCES: '100000000' },
    ...{ KEYCTL_TEST_FAULT_EVERY: '1', KEYCTL_TEST_PROPERTY_TIMES: '4' },
    ...{ KEYCTL_TEST_KILLS: '500', KEYCTL_TEST_ROUNDS: String(Math.max(1, Math.round(MINUTES))) },
  },
);
const mutations = await run(['test/mutations/run.js']);

const rows = [...tests.stdout.matchAll(TOLD)].map(([, what, figures]) => [what, figures]);
const [counted = 'they did not run'] = /^\d+ of \d+ mutations are red.*$/m.exec(mutations.stdout) ?? [];
rows.push(['mutations', counted]);
const took = ((performance.now() - began) / 60_000).toFixed(0);
const outcome = tests.passed && mutations.passed ? 'everything held' : 'NOT EVERYTHING HELD';
const summary = `${new Date().toISOString().slice(0, 10)}, ${took} minutes on ${String(availableParallelism())} cores: ${outcome}.`;
const figures = [
  summary,
  '',
  '| what | figures |',
  '| --- | --- |',
  ...rows.map(([what, told]) => `| ${what} | ${told.replaceAll('|', '\\|')} |`),
];
console.log(`\n${figures.join('\n')}`);

if (process.argv.includes('--write') && tests.passed && mutations.passed) {
  const page = join(ROOT, 'docs', 'guarantees.md');
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(PLACE, (_, before, after) => before + figures.join('\n') + after),
  );
}
