import { parseCredits } from '../domain/credits.ts';
import { DEFAULT_ENVIRONMENT } from '../domain/defaults.ts';
import { usageError } from '../domain/error.ts';
import { readBase64Digest, readHexDigest, readPlainKey, type KeptKey } from '../domain/imported-key.ts';
import { checkIpRange } from '../domain/ip-range.ts';
import { checkExternalId, checkKeyName, checkName, checkText } from '../domain/names.ts';
import { MS_PER_DAY, parseDay, parseInstant, startOfDay, type Instant } from '../domain/utc-day.ts';

/** One line of an import as it stands there: its values by the names of its columns. */
export type Values = ReadonlyMap<Column, unknown>;

/** The columns that a file may have. Case, `_` and `-` in their names say nothing. */
export const COLUMNS = [
  ...['account', 'external_id', 'tier', 'name', 'environment', 'sha256', 'sha256_base64', 'key', 'expires', 'note'],
  ...['services', 'allowed_ips', 'daily_cap', 'status'],
] as const;
export type Column = (typeof COLUMNS)[number];

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '');
const BY_NAME: ReadonlyMap<string, Column> = new Map(COLUMNS.map((column) => [plain(column), column]));

/** The column of that name, or null: what is no column's name may be somebody's key, and is not repeated. */
export function columnNamed(name: string): Column | null {
  return BY_NAME.get(plain(name)) ?? null;
}

/** Who holds a key, and the key as it is kept, with everything checked that can be without a store. */
export interface KeyLine {
  readonly account: string | null;
  readonly externalId: string | null;
  /** For an account that is made. */
  readonly tier: string | null;
  readonly name: string | null;
  /** A name or a code. */
  readonly environment: string;
  readonly digest: string;
  readonly mask: string;
  readonly note: string | null;
  readonly expiresAt: Instant | null;
  readonly disabled: boolean;
  readonly services: readonly string[];
  readonly allowedIps: readonly string[];
  readonly dailyCap: number | null;
}

/** A value of a line that cannot be meant. */
export interface Problem {
  readonly line: number;
  /** The column, where it is one's. */
  readonly field: string | null;
  /** What is wrong. It repeats nothing of the line, which may hold a key anywhere. */
  readonly message: string;
}

/** Says of which column a `usage` is. */
export class ColumnError extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** Reads a line. Throws ColumnError. */
export function readKeyLine(values: Values, prefixes: ReadonlySet<string>): KeyLine {
  const read = <Value>(column: Column, parse: (text: string) => Value): Value | null => {
    const text = textOf(column, values.get(column));
    return text === null ? null : inColumn(column, () => parse(text));
  };
  const list = (column: Column, check: (text: string) => string): readonly string[] =>
    inColumn(column, () => [...new Set(partsOf(values.get(column)).map(check))]);
  return {
    ...keptKey(read, prefixes),
    account: read('account', (text) => checkName('account', text)),
    externalId: read('external_id', checkExternalId),
    tier: read('tier', (text) => checkName('tier', text)),
    name: read('name', checkKeyName),
    environment: read('environment', (text) => checkName('environment', text)) ?? DEFAULT_ENVIRONMENT,
    note: read('note', (text) => checkText('note', text)),
    expiresAt: read('expires', readEnd),
    disabled: read('status', readStatus) ?? false,
    services: list('services', (text) => checkName('service', text)),
    allowedIps: list('allowed_ips', checkIpRange),
    dailyCap: read('daily_cap', (text) => parseCredits('The daily cap', text)),
  };
}

type Read = <Value>(column: Column, parse: (text: string) => Value) => Value | null;

function keptKey(read: Read, prefixes: ReadonlySet<string>): KeptKey {
  const given = [
    read('sha256', readHexDigest),
    read('sha256_base64', readBase64Digest),
    read('key', (text) => readPlainKey(text, prefixes)),
  ];
  const [kept, second] = given.filter((found) => found !== null);
  if (kept === undefined) throw new ColumnError('sha256', 'It is missing: give sha256, sha256_base64 or, on stdin, key.');
  if (second !== undefined) throw new ColumnError('sha256', 'The key is given twice: as a digest and otherwise.');
  return kept;
}

function inColumn<Value>(column: Column, act: () => Value): Value {
  try {
    return act();
  } catch (error) {
    throw new ColumnError(column, error instanceof Error ? error.message : 'That cannot be meant.');
  }
}

/** Nothing, an empty text and null are the same. */
function textOf(column: Column, value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  throw new ColumnError(column, 'That is not a text.');
}

function partsOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return value.split(/[\s,;]+/).filter((part) => part !== '');
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value;
  throw usageError('That is not a list.');
}

/** What has ended already is imported as it is: expired. */
function readEnd(text: string): Instant | null {
  if (text === 'never') return null;
  const day = parseDay(text);
  const at = day === null ? parseInstant(text) : startOfDay(day) + MS_PER_DAY;
  if (at !== null && at < Date.UTC(9999, 11, 31)) return at;
  throw usageError('Write a date, through which the key is valid, a time such as 2027-01-31T18:00:00Z, or never.');
}

function readStatus(text: string): boolean {
  if (text === 'active') return false;
  if (text === 'disabled') return true;
  throw usageError('Write active or disabled; keys that nobody may use any more are better left out.');
}
