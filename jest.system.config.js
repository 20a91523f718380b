import everything from './jest.config.js';

/** What `npm run test:system` runs: the tests that need packages of the operating system, such as nginx and faketime. */
export default {
  ...everything,
  testMatch: ['<rootDir>/test/system/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
