import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LATE = '\0child_process.cjs';
/** commander asks for node:child_process before it needs it, which is for commands that are programs of their own; keyctl has none. */
const lateChildProcess = {
  name: 'late-child-process',
  resolveId: (source, importer) => (source === 'node:child_process' && importer?.includes('/commander/') ? LATE : null),
  load: (id) => (id === LATE ? "exports.spawn = (...args) => require('node:child_process').spawn(...args);" : null),
};

/**
 * dist: keyctl and the packages it uses, in few CommonJS files. Finding, reading and linking many small modules is most of what
 * a short command takes, and Node starts CommonJS sooner than ES modules. What is loaded by import() stays a file of its own,
 * and what several commands share is one more. The native half of better-sqlite3 stays in node_modules, and database.ts knows where: the
 * search of `bindings` is not needed.
 */
const program = {
  input: { main: 'src/main.ts', 'store-thread': 'src/store-thread.ts' },
  platform: 'node',
  external: ['bindings'],
  plugins: [{ name: 'package', generateBundle: addPackage }, lateChildProcess],
  output: {
    dir: 'dist.new',
    format: 'cjs',
    cleanDir: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    dynamicImportInCjs: false,
    codeSplitting: { groups: [{ name: 'shared', minShareCount: 6 }] },
  },
};

/** What `npm run bench` makes its large stores with. */
const partsForBench = {
  input: ['src/domain/api-key.ts', 'src/domain/random.ts', 'src/stores/open-store.ts'],
  platform: 'node',
  external: ['better-sqlite3'],
  output: { dir: 'bench/parts', format: 'esm', cleanDir: true, entryFileNames: '[name].js', chunkFileNames: '[name].js' },
};

export default [program, partsForBench];

/** Says that the files are CommonJS, which the package is not, and keeps the licenses of the packages whose code is in them. */
function addPackage() {
  this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
  const folders = new Set([...this.getModuleIds()].filter((id) => id.includes('node_modules')).map(packageOf));
  const texts = [...folders].sort().map(licenseOf);
  this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source: texts.join(`\n${'-'.repeat(80)}\n\n`) });
}

/** The folder of the package that a file belongs to: the innermost whose package.json has a name. */
function packageOf(file) {
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json')) || manifestOf(folder).name === undefined) folder = dirname(folder);
  return folder;
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function licenseOf(folder) {
  const { name, version, license } = manifestOf(folder);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (files.length === 0) texts.push(licenseInReadme(folder) ?? fail(`${name} has no license file, so its code cannot go into dist.`));
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

/** Some packages have their license in their README only, under a heading of that name. */
function licenseInReadme(folder) {
  const readme = readdirSync(folder).find((file) => /^readme/i.test(file));
  if (readme === undefined) return undefined;
  return /^#+ licen[cs]e\s+(.*Copyright.*?)(?=^#|(?![^]))/ims.exec(readFileSync(join(folder, readme), 'utf8'))?.[1].trim();
}

function fail(message) {
  throw new Error(message);
}
