import { Readable } from 'node:stream';
import { parse, type CsvError, type Info } from 'csv-parse';
import { usageError } from '../../domain/error.ts';
import type { SourceLine } from '../../operations/import-file.ts';
import { COLUMNS, columnNamed } from '../../operations/import-line.ts';

const LONGEST_RECORD = 65_536;
/** Spreadsheets write what their country writes. */
const DELIMITERS = [',', ';', '\t'];

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: Pick<Info, 'lines'>;
}

/** Reads CSV (RFC 4180) whose first line names the columns. Throws `usage` for names that are none. */
export async function* readCsv(texts: AsyncIterable<string>): AsyncGenerator<SourceLine> {
  const { delimiter, all } = await withDelimiter(texts);
  // How far the parser is, which is further than what was taken from it when it stumbles.
  let parsed = 0;
  const records = parse({
    ...{ delimiter, info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: LONGEST_RECORD },
    onRecord: (record, { lines }) => {
      parsed = lines;
      return record;
    },
  });
  const source = Readable.from(all, { objectMode: true });
  source.once('error', (error) => records.destroy(error));
  source.pipe(records);
  let header: readonly string[] | null = null;
  try {
    for await (const { record, info } of records as AsyncIterable<CsvRecord>) {
      // A value in quotes may hold line ends: the record begins that much earlier.
      const inside = record.reduce((count, value) => count + (value.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
      if (header === null) header = readHeader(record);
      else yield lineOf(info.lines - inside, header, record);
    }
  } catch (error) {
    if (!isCsvError(error)) throw error;
    // SECURITY: what the parser says repeats some of the text.
    const message = error.code === 'CSV_MAX_RECORD_SIZE' ? 'It is too long, or a quote is never closed' : 'Its quotes do not fit';
    yield { line: parsed + 1, record: null, problem: `${message}; what follows was not looked at.` };
  }
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}

function readHeader(names: readonly string[]): readonly string[] {
  const columns = names.map((name, place) => {
    const column = columnNamed(name);
    // SECURITY: without a header the first line is somebody's key.
    if (column === null)
      throw usageError(`Column ${String(place + 1)} of the first line has no name of a column.`, `Columns: ${COLUMNS.join(', ')}.`);
    return column;
  });
  const twice = columns.find((column, place) => columns.indexOf(column) !== place);
  if (twice !== undefined) throw usageError(`There are two columns ${twice}.`);
  return columns;
}

function lineOf(line: number, header: readonly string[], values: readonly string[]): SourceLine {
  if (values.length !== header.length) {
    return { line, record: null, problem: `It has ${String(values.length)} values for ${String(header.length)} columns.` };
  }
  return { line, record: Object.fromEntries(header.map((column, place) => [column, (values[place] ?? '').trim()])), problem: null };
}

/** What separates the values is what stands most often in the first line. */
async function withDelimiter(texts: AsyncIterable<string>): Promise<{ delimiter: string; all: AsyncIterable<string> }> {
  const rest = texts[Symbol.asyncIterator]();
  let begin = '';
  for (;;) {
    const next = await rest.next();
    if (next.done === true) break;
    begin += next.value;
    if (begin.trimStart().includes('\n') || begin.length > LONGEST_RECORD) break;
  }
  const first = begin.trimStart().split('\n')[0] ?? '';
  const count = (delimiter: string): number => first.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, other) => (count(other) > count(best) ? other : best));
  const all = async function* (): AsyncGenerator<string> {
    yield begin;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  };
  return { delimiter, all: all() };
}
