import type { UsageRow } from '../operations/usage-rows.ts';

const HEADER = ['bucket', 'account', 'accountId', 'externalId', 'tier', 'requests', 'credits', 'denied'];

/** CSV by RFC 4180: a header, lines that end with CR LF, and quotes where a field needs them. */
export function usageCsv(rows: readonly UsageRow[]): string {
  const lines = rows.map((row) => {
    const denied = Object.values(row.denied).reduce((sum, count) => sum + count, 0);
    const { bucket, account, accountId, externalId, tier, requests, credits } = row;
    return [noFormula(bucket ?? ''), account ?? '', accountId ?? '', externalId ?? '', tier ?? '', requests, credits, denied];
  });
  return [HEADER, ...lines].map((fields) => `${fields.map((field) => quoted(String(field))).join(',')}\r\n`).join('');
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * SECURITY: a spreadsheet runs what begins with one of these as a formula, and the name of a key may be anybody's choice. An external id
 * stays as it is: it has to match another system's, and only operators set it.
 */
function noFormula(name: string): string {
  return /^[=+\-@\t\r]/.test(name) ? `'${name}` : name;
}
