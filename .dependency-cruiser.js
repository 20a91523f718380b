/**
 * Imports point one way: commands and http -> operations -> domain, stores -> domain.
 * A room may import itself and the rooms that are named here; only src/main.ts knows them all.
 */
const ROOMS = {
  domain: [],
  operations: ['domain'],
  stores: ['domain'],
  webhook: ['domain'],
  terminal: ['domain'],
  http: ['domain', 'operations'],
  commands: ['domain', 'operations', 'terminal', 'http'],
};

/** The packages whose code `npm run build` puts into dist; a devDependency that only tests need is none of them. */
const BUNDLED = [
  'chalk',
  'cli-progress',
  'cli-table3',
  'commander',
  'csv-parse',
  'env-paths',
  'inquirer',
  'pg',
  'pino',
  'prom-client',
  'zod',
];

const WHY = {
  domain: 'The domain is what keyctl is about: it knows nothing of how it is stored, asked or shown.',
  operations: 'An operation is one verb over the port of the domain, the same from a shell, over HTTP and in a test.',
  stores: 'A store knows rows and locks and no rules; a rule in it would have to be copied into the next store.',
  webhook: 'Sending a message knows the network, and neither what it says nor where it is kept.',
  terminal: 'The terminal shows what it is given and fetches nothing.',
  http: 'The endpoint asks operations and knows no store, so that any store can stand behind it.',
  commands: 'A command parses, calls an operation and shows the result; its store is handed in by the composition root.',
};

const oneWay = Object.entries(ROOMS).map(([room, others]) => ({
  name: `${room}-imports-only-what-it-may`,
  comment: WHY[room],
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/(${[room, ...others].join('|')})/` },
}));

export default {
  forbidden: [
    ...oneWay,
    {
      name: 'domain-needs-no-package',
      comment: 'The rules run wherever Node runs, with nothing but its own modules: no package can change what a request costs.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypesNot: ['core', 'local', 'type-only'], pathNot: '^src/domain/' },
    },
    {
      name: 'only-serve-starts-http',
      comment: 'The HTTP server is heavy; a command that does not serve must not load it.',
      severity: 'error',
      from: { path: '^src/commands/', pathNot: '^src/commands/serve' },
      to: { path: '^src/http/' },
    },
    {
      name: 'only-the-root-knows-the-stores',
      comment: 'Whatever else works on a store takes the port of the domain, so that every store will do.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|store-thread)\\.ts$|^src/stores/' },
      to: { path: '^src/stores/' },
    },
    {
      name: 'sqlite-is-entered-through-open-store',
      comment: 'What opens a store chooses among them in one place.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts$|stores/open-store\\.ts$|stores/sqlite/)' },
      to: { path: '^src/stores/sqlite/' },
    },
    {
      name: 'postgres-is-entered-through-open-store',
      comment: 'What opens a store chooses among them in one place, and neither store knows the other.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts$|stores/open-store\\.ts$|stores/postgres/)' },
      to: { path: '^src/stores/postgres/' },
    },
    {
      name: 'sqlite-driver-stays-in-its-store',
      comment: 'Its errors are translated there; and only driver.ts says where its native half is, without which it fails in dist alone.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/stores/sqlite/driver\\.ts$' },
      to: { path: 'node_modules/(@types/)?better-sqlite3' },
    },
    {
      name: 'postgres-driver-stays-in-its-store',
      comment: 'Its errors are translated there, and a command over a file must not load it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/stores/postgres/' },
      to: { path: 'node_modules/(@types/)?pg/' },
    },
    {
      name: 'only-terminal-draws',
      comment: 'Colour, tables and prompts have one home, which knows whether a person is there at all.',
      severity: 'error',
      from: { pathNot: '^src/terminal/' },
      to: { path: 'node_modules/(chalk|cli-table3|inquirer|@inquirer)/' },
    },
    {
      name: 'inquirer-has-one-door',
      comment: 'Prompts take longer to load than most commands take to run; with one door it is enough to open that one late.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/terminal/inquirer-prompts\\.ts$' },
      to: { path: 'node_modules/(inquirer|@inquirer)/' },
    },
    {
      name: 'inquirer-is-loaded-late',
      comment: 'It is loaded by import(), in the moment that somebody is asked.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/terminal/inquirer-prompts\\.ts$', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-the-root',
      comment: 'The composition root is where a program begins; what others need of it is handed to them.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'Modules in a circle can only be understood, tested and loaded together.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A module that nobody imports and that imports nobody was forgotten.',
      severity: 'error',
      from: { path: '^src/', orphan: true },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      comment: 'What runs after an install is what package.json lists: under dependencies, or among what goes into dist.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-peer'],
        dependencyTypesNot: ['type-only'],
        pathNot: `node_modules/(${BUNDLED.join('|')})/`,
      },
    },
    {
      name: 'not-resolvable',
      comment: 'An import that cannot be found escapes every rule above.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
