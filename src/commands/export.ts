import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import { KeyctlError, usageError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import { exportStore, type ExportReport } from '../operations/export-store.ts';
import { flag, missing, option, type CommandModule } from './call.ts';
import { isOfSystem, openNewFile } from './new-file.ts';
import { watching } from './watching.ts';

const EXPORT_FIELDS = ['file', 'holds', 'lines', 'accounts', 'keys'] as const;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--keys', 'keys and accounts only, with the tiers, services and environments that they need')
      .option('--out <file>', 'a new file, which gets mode 0600: it holds the digests of all keys'),

  run: async (call, _, options) => {
    const { out, context } = call;
    out.checkFields(EXPORT_FIELDS);
    const file = option(options, 'out');
    if (file === undefined) throw missing('--out', 'an export holds the digests of all keys, and goes into a file of mode 0600');
    if (file === '-' || file === '') throw usageError('--out takes the path of a new file.');
    const scope = flag(options, 'keys') ? 'keys' : 'store';
    const store = await call.openStore('read');
    const report = await watching(call, ({ tell }) =>
      intoNewFile(file, (write) => exportStore(store, { scope, version: context.version, write, tell })),
    );
    out.show({ file, ...report }, () => describe(report, file), EXPORT_FIELDS);
    return undefined;
  },
};

function describe({ holds, lines, accounts, keys }: ExportReport, file: string): string {
  const what = holds === 'keys' ? 'the keys' : 'the store';
  return `Exported ${what} to ${file} (mode 0600): ${counted(keys, 'key')}, ${counted(accounts, 'account')}, ${counted(lines, 'line')}.`;
}

function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
}

const BUFFER = 262_144;

/** Writes a file that must not exist yet and is on the disk when this ends; when anything fails it goes again. */
async function intoNewFile<Result>(path: string, act: (write: (text: string) => void) => Promise<Result>): Promise<Result> {
  const file = openNewFile(path);
  try {
    let waiting = '';
    const flush = (): void => {
      const bytes = Buffer.from(waiting);
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      waiting = '';
    };
    const result = await act((text) => {
      waiting += text;
      if (waiting.length > BUFFER) flush();
    });
    flush();
    fsyncSync(file);
    syncFolder(dirname(path));
    return result;
  } catch (error) {
    rmSync(path, { force: true });
    if (!isOfSystem(error)) throw error;
    throw new KeyctlError('failed', 'The file of --out cannot be written; it was removed again.', {
      hint: 'Is there room on the disk?',
      cause: error,
    });
  } finally {
    closeSync(file);
  }
}

/** Windows can flush no folder: NTFS keeps names in a journal of its own. */
function syncFolder(path: string): void {
  if (platform() === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
