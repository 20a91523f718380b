/**
 * Advisory locks of one database, by two numbers: `kctl` in ASCII, and which one. They order whoever works on the store, on however many
 * machines; rows are locked besides only by those who settle.
 */
const NAMESPACE = 0x6b63746c;

/** Who settles holds it together with others; who writes holds it alone, so that nothing is settled meanwhile. */
export const BOOKS_LOCK = `${String(NAMESPACE)}, 1`;
/** For the microseconds in which numbers of debits are reserved. */
export const NUMBERS_LOCK = `${String(NAMESPACE)}, 2`;
/** Whoever writes beside those who settle: one at a time. */
export const BESIDE_LOCK = `${String(NAMESPACE)}, 3`;
/** Whoever makes the schema, or a table for another day of debits. */
export const SCHEMA_LOCK = `${String(NAMESPACE)}, 4`;
