import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import configs from '../../rolldown.config.js';

/**
 * Builds keyctl as a program of another schema into a folder, with `fill.js`, which makes a store with it, and `read.js`, which reads one:
 *
 *     node test/upgrade/build-program.js <folder> <schema>               one of an earlier schema
 *     node test/upgrade/build-program.js <folder> +<usable since> [sql]  one of the next, which programs since that schema may use
 *
 * An earlier program is the present one without the later migrations and without what needs them.
 */
const [folder = '', schema = '', sql = ''] = process.argv.slice(2);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** What asks for tables of a later schema wherever a store is used, and what it was before it; by the schema that the tables came with. */
const BEFORE = [
  { since: 2, path: 'src/stores/sqlite/hidden.ts', now: /`NOT EXISTS \(SELECT 1 FROM imports [^`]*`/, then: "'1'" },
  { since: 2, path: 'src/stores/sqlite/imports.ts', now: /'SELECT EXISTS \(SELECT 1 FROM imports [^']*'/, then: "'SELECT 0 AS n'" },
  { since: 4, path: 'src/stores/sqlite/alerts.ts', now: /'SELECT url, [^']* FROM webhook'/, then: "'SELECT 1 WHERE 0'" },
  { since: 4, path: 'src/stores/sqlite/prune.ts', now: /\.\.\.ALERT_RULES,/, then: '' },
  { since: 5, path: 'src/operations/served-acts.ts', now: /signServer\(store, server\)/, then: 'Promise.resolve()' },
  { since: 5, path: 'src/operations/served-acts.ts', now: /forgetServer\(store, id\)/, then: 'Promise.resolve()' },
  { since: 5, path: 'src/operations/describe-status.ts', now: /await describeServers\(tx, now\)/, then: '[]' },
];

const MIGRATIONS = /^(export const MIGRATIONS: readonly Migration\[\] = )(\[[\s\S]*?^\]);/m;

function otherMigrations(code) {
  const [whole, head, list] = MIGRATIONS.exec(code) ?? [];
  if (whole === undefined) throw new Error('MIGRATIONS are not written as this script expects');
  const versions = [...list.matchAll(/version: (\d+)/g)].map(([, version]) => Number(version));
  if (!schema.startsWith('+')) {
    if (!versions.includes(Number(schema))) throw new Error(`there is no schema ${schema}`);
    return code.replace(whole, `${head}${list}.filter(({ version }) => version <= ${schema});`);
  }
  const next = { version: Math.max(...versions) + 1, usableSince: Number(schema.slice(1)), sql };
  return code.replace(whole, `${head}[...${list}, ${JSON.stringify(next)}];`);
}

const otherSchema = {
  name: 'other-schema',
  transform(code, id) {
    if (id === join(root, 'src/stores/sqlite/schema.ts')) return otherMigrations(code);
    const before = BEFORE.filter(({ path, since }) => id === join(root, path) && !schema.startsWith('+') && Number(schema) < since);
    return before.reduce((text, { path, now, then }) => {
      if (!now.test(text)) throw new Error(`${path} is not written as this script expects`);
      return text.replace(now, then);
    }, code);
  },
};

const [program] = configs;
const { output, plugins, input, ...options } = program;
const bundle = await rolldown({
  logLevel: 'silent',
  ...options,
  input: { ...input, fill: join(root, 'test/upgrade/fill.ts'), read: join(root, 'test/upgrade/read.ts') },
  plugins: [otherSchema, ...plugins],
  cwd: root,
});
await bundle.write({ ...output, dir: join(folder, 'dist') });
await bundle.close();
mkdirSync(join(folder, 'bin'));
for (const name of ['keyctl.js', 'compiled.js', 'package.json']) copyFileSync(join(root, 'bin', name), join(folder, 'bin', name));
copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
