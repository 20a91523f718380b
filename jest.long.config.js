import everything from './jest.config.js';

/**
 * What `npm run test:long` runs: the tests that find more the longer they go on. Those below `test/system` need packages of the operating
 * system.
 */
export default {
  ...everything,
  testMatch: [
    ...['model/sequences', 'model/database-sequences', 'crash/kills', 'crash/postgres-kills', 'crash/failover'].map(
      (name) => `<rootDir>/test/${name}.test.ts`,
    ),
    ...['race/races', 'race/postgres/races', 'http/fuzz', 'e2e/secrets'].map((name) => `<rootDir>/test/${name}.test.ts`),
    '<rootDir>/test/operations/**/{export-and-import,reset-clock,simulate-requests}.test.ts',
    ...['faults', 'serve-faults', 'power-loss', 'clocks-apart', 'midnight-kills'].map((name) => `<rootDir>/test/system/${name}.test.ts`),
  ],
  testPathIgnorePatterns: ['/node_modules/'],
};
