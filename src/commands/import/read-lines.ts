import { KeyctlError } from '../../domain/error.ts';
import type { SourceLine } from '../../operations/import-file.ts';
import { readCsv } from './read-csv.ts';

/** Longer than anything that is meant: a file without line ends would be read into memory as one. */
const LONGEST_LINE = 1_000_000;
const LINES_AT_ONCE = 500;

/** Reads lines of JSON, or CSV with a first line of column names; the first character says which. They come in groups. */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly SourceLine[]> {
  const texts = decoded(bytes);
  let begin = '';
  // Not for await: leaving that would end what is read from.
  for (let next = await texts.next(); next.done !== true; next = await texts.next()) {
    begin += next.value;
    if (begin.trim() !== '') break;
  }
  if (begin.trim() === '')
    throw new KeyctlError('usage', 'There is nothing to import.', { hint: 'Give a file of JSON lines, or of CSV with column names.' });
  const all = joined(begin, texts);
  yield* begin.trimStart().startsWith('{') ? grouped(readJsonLines(all)) : grouped(readCsv(all));
}

/** The text, without a mark of its byte order. */
async function* decoded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw error;
    throw new KeyctlError('failed', 'What is to be imported is not text in UTF-8; nothing was imported.', {
      hint: 'Save it as UTF-8.',
      cause: error,
    });
  }
}

async function* joined(begin: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield begin;
  yield* rest;
}

async function* grouped(lines: AsyncIterable<SourceLine>): AsyncGenerator<readonly SourceLine[]> {
  let some: SourceLine[] = [];
  for await (const line of lines) {
    some.push(line);
    if (some.length < LINES_AT_ONCE) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

async function* readJsonLines(texts: AsyncIterable<string>): AsyncGenerator<SourceLine> {
  let rest = '';
  let line = 0;
  for await (const text of texts) {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      line += 1;
      if (part.trim() !== '') yield jsonLine(line, part);
    }
    if (rest.length > LONGEST_LINE) {
      yield { line: line + 1, record: null, problem: 'The line is too long; what follows was not looked at.' };
      return;
    }
  }
  if (rest.trim() !== '') yield jsonLine(line + 1, rest);
}

/** SECURITY: what JSON.parse says repeats some of the text. */
function jsonLine(line: number, text: string): SourceLine {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) {
      return { line, record: record as Readonly<Record<string, unknown>>, problem: null };
    }
  } catch {
    // It is told below.
  }
  return { line, record: null, problem: 'That is not an object in JSON.' };
}
