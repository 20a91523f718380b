import { open } from 'node:fs/promises';
import { KeyctlError, usageError } from '../../domain/error.ts';
import type { Call } from '../call.ts';

/** What is to be imported. */
export interface Source {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes, where that is known. */
  readonly size: number | null;
  /** It is stdin: only there keys may be given in plain. */
  readonly plain: boolean;
  /** How many bytes were read. */
  read(): number;
  close(): Promise<void>;
}

const CHUNK = 65_536;

/** Opens a file, or stdin for `-`. Throws `not_found` or `usage`. SECURITY: the path is not repeated, it may be somebody's secret. */
export async function openSource(call: Call, path: string): Promise<Source> {
  if (path === '-') {
    const { stdin } = call.context;
    if (stdin.isTTY === true) throw usageError('The lines are read from stdin.', 'Pipe them in: keyctl import - < keys.csv');
    return counting(stdin, null, true, () => Promise.resolve());
  }
  const file = await open(path).catch((error: unknown) => {
    throw new KeyctlError('not_found', 'The file cannot be opened.', {
      hint: 'Check the path and its permissions; - is stdin.',
      cause: error,
    });
  });
  const stat = await file.stat();
  if (stat.isDirectory()) {
    await file.close();
    throw usageError('That is a folder.', 'Give a file; - is stdin.');
  }
  const stream = file.createReadStream({ highWaterMark: CHUNK, autoClose: false });
  return counting(stream, stat.isFile() ? stat.size : null, false, () => file.close());
}

function counting(stream: AsyncIterable<unknown>, size: number | null, plain: boolean, close: () => Promise<void>): Source {
  let count = 0;
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      const part = chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk));
      count += part.length;
      yield part;
    }
  };
  return { bytes: bytes(), size, plain, read: () => count, close };
}
