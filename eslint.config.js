import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The places that touch the outer world and hand it on: the composition root, and the one of a store's own thread. */
const COMPOSITION_ROOTS = ['src/main.ts', 'src/store-thread.ts'];

/** What plain JavaScript may use of Node: TypeScript knows it by itself. */
const NODE_GLOBALS = [
  ...['AbortController', 'AbortSignal', 'Buffer', 'URL', 'clearInterval', 'clearTimeout', 'console', 'fetch', 'performance', 'process'],
  ...['queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'],
];

const PASS_IT_IN = 'It is passed in: only the composition root reads the clock, chance and the process.';

export default defineConfig(
  globalIgnores(['dist/', 'dist.new/', 'bench/parts/', 'coverage/']),
  js.configs.recommended,
  {
    // An exception to a rule belongs here, with its reason, not into the code.
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
  },
  {
    files: ['bin/*.js'],
    languageOptions: { sourceType: 'commonjs', globals: { __dirname: 'readonly', module: 'readonly', require: 'readonly' } },
  },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // `() => socket.destroy()` and `return done()` where nothing is returned read well and hide nothing.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // `_` says that something is left out on purpose, as in `const { secret: _, ...rest } = key`.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_+$', ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-exports': 'error',
      // Names are measured in code points: Unicode's segments differ from one release of Node to the next.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 70 }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: COMPOSITION_ROOTS,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: PASS_IT_IN },
        { object: 'Math', property: 'random', message: PASS_IT_IN },
        { object: 'globalThis', property: 'process', message: PASS_IT_IN },
      ],
      'no-restricted-globals': ['error', { name: 'process', message: PASS_IT_IN }],
      'no-restricted-imports': ['error', { paths: ['node:process', 'process'].map((name) => ({ name, message: PASS_IT_IN })) }],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: PASS_IT_IN },
        { selector: "CallExpression[callee.name='Date']", message: PASS_IT_IN },
      ],
    },
  },
  {
    // The port is asynchronous and SQLite is not: a method that throws must reject, so it is `async` without awaiting.
    files: ['src/stores/sqlite/**/*.ts', 'test/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  {
    // A query's caller names the shape of its rows: there is nothing that the compiler could infer it from.
    files: ['src/stores/sqlite/sql.ts'],
    rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' },
  },
  {
    // Jest's asymmetric matchers, such as expect.any(String), are of type any.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  {
    // A query names the shape of its row where it stands; no parameter could tell it.
    files: ['src/stores/*/sql.ts'],
    rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' },
  },
);
