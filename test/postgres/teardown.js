/** After the tests: PostgreSQL, if any of them asked for it, ends, and its folder is removed. */
export default function teardown() {
  return globalThis.stopPostgres();
}
