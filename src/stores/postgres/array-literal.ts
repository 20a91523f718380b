type Element = string | number | null;

/**
 * An array as PostgreSQL reads it, https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO. The driver makes one too, but asks of each
 * element what it is, which takes longer than storing it.
 */
export function arrayLiteral(elements: readonly Element[]): string {
  return `{${elements.map(element).join()}}`;
}

function element(value: Element): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  return `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, String.raw`\$&`) : value}"`;
}
