import { FORMAT, FORMAT_VERSION, type Scope } from '../domain/archive.ts';
import { isObject } from '../domain/archive-fields.ts';
import { KeyctlError } from '../domain/error.ts';
import type { RandomBytes } from '../domain/random.ts';
import type { Actor, Store } from '../domain/store.ts';
import type { Problem } from './import-line.ts';
import type { Steps } from './steps.ts';

/** A line of a file: a record, or in a sentence what is wrong with it. */
export interface SourceLine {
  readonly line: number;
  readonly record: Readonly<Record<string, unknown>> | null;
  readonly problem: string | null;
}

export interface ImportChoice {
  /** Check everything and write nothing. */
  readonly dryRun: boolean;
  /** Keys may be given in plain: they come from stdin. */
  readonly plain: boolean;
}

/** Whoever imports, and with what. */
export interface Importer {
  readonly store: Store;
  readonly choice: ImportChoice;
  readonly actor: Actor;
  readonly randomBytes: RandomBytes;
  readonly steps: Steps;
  /** Waits so many milliseconds. */
  readonly rest: (ms: number) => Promise<unknown>;
}

export interface ImportReport {
  /** By which it can be taken back; null for a dry run, for lines that cannot be imported, and for a whole store. */
  readonly batch: string | null;
  readonly dryRun: boolean;
  readonly holds: Scope;
  readonly lines: number;
  /** Those that were made, or would be. */
  readonly accounts: number;
  readonly keys: number;
  readonly tiers: number;
  readonly services: number;
  readonly environments: number;
  /** The first of the lines that cannot be imported; when there is one nothing was. */
  readonly problems: readonly Problem[];
  /** How many problems there are, told or not. */
  readonly problemCount: number;
}

export const IMPORT_FIELDS = [
  ...['batch', 'dryRun', 'holds', 'lines', 'accounts', 'keys', 'tiers', 'services', 'environments', 'problems', 'problemCount'],
] as const;

const MOST_TOLD = 100;

/** Collects what is wrong with lines, and forgets what nobody would read. */
export class Problems {
  readonly told: Problem[] = [];
  count = 0;

  add(line: number, message: string, field: string | null = null): void {
    this.count += 1;
    if (this.told.length < MOST_TOLD) this.told.push({ line, field, message });
  }
}

/** What the first line says that the file is: an export of ours, or null for lines from elsewhere. Throws `failed` for an export of a later format. */
export function exportedScope(record: Readonly<Record<string, unknown>> | null): Scope | null {
  if (record === null || record['format'] !== FORMAT || !isObject(record)) return null;
  const { version, holds } = record;
  if (version !== FORMAT_VERSION || (holds !== 'store' && holds !== 'keys')) {
    throw new KeyctlError('failed', 'The file was exported by a newer keyctl; nothing was imported.', {
      hint: 'Install that release or a later one.',
    });
  }
  return holds;
}
