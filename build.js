import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'rolldown';
import configs from './rolldown.config.js';

// What `npm run build` does, in silence: whoever pastes `npm start` reads what keyctl says, not a list of 200 files. The command line of
// rolldown prints that list whatever its --logLevel. A dist that is there stays in use until the new one is whole.

const DIST = join(import.meta.dirname, 'dist');

async function run() {
  for (const config of configs) await build({ ...config, logLevel: 'silent' });
  rmSync(DIST, { recursive: true, force: true });
  renameSync('dist.new', DIST);
  // After it has its name, which compiled code remembers for stack traces.
  if (Module.enableCompileCache === undefined) keepCompiled();
  writeFileSync('dist/apikeyctl.1', execFileSync(process.execPath, ['bin/keyctl.js', '__man']));
}

/** Has a process of its own use what is built, so that what is kept holds the functions that short commands call. */
function keepCompiled() {
  const folder = mkdtempSync(join(tmpdir(), 'keyctl-build-'));
  try {
    execFileSync(process.execPath, [import.meta.filename, 'use', join(folder, 'keyctl.db')], { stdio: ['ignore', 'ignore', 'pipe'] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function use(db) {
  const require = createRequire(import.meta.url);
  const made = [];
  require('./bin/compiled.js').compileFromKept((script, kept) => made.push({ script, kept }));
  const { main } = require(join(DIST, 'main.js'));
  for (const words of [['create', '--name', 'first'], ['list'], ['--help']]) {
    process.argv = [process.execPath, 'keyctl', '--db', db, ...words];
    await main();
    if (process.exitCode !== 0) throw new Error(`keyctl ${words.join(' ')} exited ${String(process.exitCode)}`);
  }
  for (const { script, kept } of made) writeFileSync(kept, script.createCachedData());
}

await (process.argv[2] === 'use' ? use(process.argv[3]) : run());
