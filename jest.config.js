/** What `npm test` runs: everything that needs nothing but what npm installed. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/system/'],
  extensionsToTreatAsEsm: ['.ts'],
  // swc only strips the types; `npm run types` checks them. An .swcrc of the host must not change what is tested.
  transform: { '\\.ts$': ['@swc/jest', { swcrc: false, jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }] },
  // Many tests start real processes, so a slow machine gets time: no test waits for it to pass, and only one that hangs ever sees the end of it.
  globalSetup: '<rootDir>/test/postgres/setup.js',
  globalTeardown: '<rootDir>/test/postgres/teardown.js',
  setupFilesAfterEnv: ['<rootDir>/test/young-day.ts'],
  testTimeout: 240_000,
  // On two cores: most of them wait for other processes, for a disk or for a second to pass.
  maxWorkers: 3,
};
