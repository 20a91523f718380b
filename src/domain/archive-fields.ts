import { debitId, parseDebitId, type DebitNumber } from './debit.ts';
import { usageError } from './error.ts';
import {
  formatDay,
  formatInstant,
  hourOf,
  MS_PER_HOUR,
  parseDay,
  parseInstant,
  type Instant,
  type UtcDay,
  type UtcHour,
} from './utc-day.ts';

/** How a value of the store stands in a line of an export, and is read back from there. `read` throws `usage` for anything else. */
export interface Field<Value> {
  write(value: Value): unknown;
  read(json: unknown): Value;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** A line's values, by its fields. */
export type RowOf<Spec> = { readonly [Name in keyof Spec]: Spec[Name] extends Field<infer Value> ? Value : never };

function isnt(what: string): never {
  throw usageError(`That is not ${what}.`);
}

function asText<Value>(what: string, parse: (text: string) => Value | null, write: (value: Value) => string): Field<Value> {
  return {
    write,
    read: (json) => (typeof json === 'string' ? (parse(json) ?? isnt(what)) : isnt(what)),
  };
}

export const text: Field<string> = asText('a text', (found) => found, String);
export const instant: Field<Instant> = asText('a time', (found) => (found.includes('T') ? parseInstant(found) : null), formatInstant);
export const day: Field<UtcDay> = asText('a date', parseDay, formatDay);
export const hour: Field<UtcHour> = asText(
  'an hour',
  (found) => {
    const at = parseInstant(found);
    return at !== null && at % MS_PER_HOUR === 0 ? hourOf(at) : null;
  },
  (value) => formatInstant(value * MS_PER_HOUR),
);
export const debitNumber: Field<DebitNumber> = asText('the id of a debit', parseDebitId, debitId);
export const digest: Field<string> = asText('a SHA-256 in hex', (found) => (/^[0-9a-f]{64}$/.test(found) ? found : null), String);

/** A text that a check passes, or throws `usage` for. */
export function checked(check: (found: string) => string): Field<string> {
  return { write: String, read: (json) => (typeof json === 'string' ? check(json) : isnt('a text')) };
}

export const whole: Field<number> = {
  write: (value) => value,
  read: (json) => (Number.isSafeInteger(json) ? (json as number) : isnt('a whole number')),
};

/** SQLite has no booleans. */
export const yes: Field<number> = {
  write: (value) => value === 1,
  read: (json) => (typeof json === 'boolean' ? Number(json) : isnt('true or false')),
};

export function maybe<Value>(field: Field<Value>): Field<Value | null> {
  return { write: (value) => (value === null ? null : field.write(value)), read: (json) => (json === null ? null : field.read(json)) };
}

export function listOf<Value>(field: Field<Value>): Field<readonly Value[]> {
  return {
    write: (values) => values.map((value) => field.write(value)),
    read: (json) => (Array.isArray(json) ? json.map((value) => field.read(value)) : isnt('a list')),
  };
}

export function object<Spec extends Readonly<Record<string, Field<unknown>>>>(spec: Spec): Field<RowOf<Spec>> {
  return { write: (row) => writeRow(spec, row), read: (json) => readRow(spec, json) };
}

/** Anything that JSON can hold, in an object. */
export const anything: Field<Readonly<Record<string, unknown>>> = {
  write: (value) => value,
  read: (json) => (isObject(json) ? json : isnt('an object')),
};

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

export function writeRow<Spec extends Fields>(spec: Spec, row: RowOf<Spec>): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const name in spec) written[name] = spec[name]?.write(row[name]);
  return written;
}

/** Throws `usage` that names the field. Fields that the spec does not have are left alone: a later release may have added them. */
export function readRow<Spec extends Fields>(spec: Spec, json: unknown): RowOf<Spec> {
  if (!isObject(json)) return isnt('an object');
  const row: Record<string, unknown> = {};
  for (const name in spec) {
    try {
      row[name] = spec[name]?.read(json[name]);
    } catch (error) {
      throw usageError(`${name}: ${error instanceof Error ? error.message : ''}`);
    }
  }
  return row as RowOf<Spec>;
}
