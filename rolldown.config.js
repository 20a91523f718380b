import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Modules of Node that many files name and few commands use: loaded when the first of these functions is called, or of these classes made.
 * commander asks for node:child_process for commands that are programs of their own, and keyctl has none; node:crypto takes 5 % of what
 * `list` takes, node:net 3 % where stdout is not a pipe, which needs it anyway.
 */
const LATE = {
  'node:child_process': { importer: '/commander/', functions: ['spawn'] },
  'node:crypto': { importer: '/src/', functions: ['createHash', 'createHmac', 'hash', 'randomBytes', 'timingSafeEqual'] },
  'node:net': { importer: '/src/domain/', functions: ['isIP', 'isIPv4', 'isIPv6'], classes: ['BlockList'] },
  'node:timers/promises': { importer: '/src/', functions: ['setImmediate', 'setTimeout'] },
  'node:tty': { importer: '/src/', functions: ['isatty'] },
  'node:zlib': { importer: '/src/', functions: ['crc32'] },
};
const lateModules = {
  name: 'late-modules',
  resolveId: (source, importer) =>
    LATE[source] !== undefined && importer?.includes(LATE[source].importer) ? `\0late:${source}.cjs` : null,
  load: (id) => (id.startsWith('\0late:') ? lateModule(id.slice('\0late:'.length, -'.cjs'.length)) : null),
};

function lateModule(name) {
  const functions = LATE[name].functions.map((name) => `exports.${name} = (...args) => (loaded ??= load()).${name}(...args);`);
  const classes = (LATE[name].classes ?? []).map(
    (name) => `exports.${name} = function (...args) { return new (loaded ??= load()).${name}(...args); };`,
  );
  return [`let loaded;`, `const load = () => require('${name}');`, ...functions, ...classes].join('\n');
}

/** What a command of a moment loads, found from these files along their static imports: first what every command does. */
const BEGINNINGS = { program: ['src/main.ts'], usual: ['src/commands/list.ts', 'src/commands/create.ts', 'src/stores/sqlite/store.ts'] };
const foundFrom = {};
const findBeginnings = {
  name: 'find-beginnings',
  buildEnd() {
    for (const [name, files] of Object.entries(BEGINNINGS)) {
      const found = new Set(files.map((file) => resolve(file)));
      for (const id of found) for (const imported of this.getModuleInfo(id).importedIds) found.add(imported);
      foundFrom[name] = found;
    }
  },
};

/**
 * dist: keyctl and the packages it uses, in few CommonJS files. Finding, reading and linking many small modules is most of what
 * a short command takes, and Node starts CommonJS sooner than ES modules. What every command loads is one file, what `list` and `create`
 * load is another; what is loaded by import() stays a file of its own, and what several other commands share is one more. The native half of better-sqlite3 stays in node_modules, and database.ts knows where: the
 * search of `bindings` is not needed.
 */
const program = {
  input: { main: 'src/main.ts', 'store-thread': 'src/store-thread.ts' },
  platform: 'node',
  external: ['bindings'],
  plugins: [{ name: 'package', generateBundle: addPackage }, lateModules, findBeginnings],
  output: {
    dir: 'dist.new',
    format: 'cjs',
    cleanDir: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    dynamicImportInCjs: false,
    // A sixth of what Node would read and scan at each start; the licenses stay.
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: {
      groups: [
        { name: 'program', test: (id) => foundFrom.program.has(id), priority: 2 },
        { name: 'usual', test: (id) => foundFrom.usual.has(id), priority: 1 },
        { name: 'shared', minShareCount: 6 },
      ],
    },
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
