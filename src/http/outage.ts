import { KeyctlError } from '../domain/error.ts';
import type { Logger } from './options.ts';

/**
 * What of an error may be logged. A KeyctlError's message is written for people; any other may quote the input that
 * it choked on, so that only its class, its code and the places in the source are told.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (error instanceof KeyctlError)
    return { error: error.code, message: error.message, cause: error.cause === undefined ? undefined : describeError(error.cause) };
  if (!(error instanceof Error)) return { error: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const at = error.stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, code, at: at?.slice(0, 8).map((line) => line.trim()) };
}

/** Something that works or does not: the log hears of the first failure and of the recovery, not of everything between. */
export class Outage {
  readonly #log: Logger;
  readonly #words: { readonly down: string; readonly up: string };
  #down = false;

  constructor(log: Logger, words: { readonly down: string; readonly up: string }) {
    this.#log = log;
    this.#words = words;
  }

  failed(error: unknown): void {
    if (!this.#down) this.#log.error(describeError(error), this.#words.down);
    this.#down = true;
  }

  works(): void {
    if (this.#down) this.#log.warn({}, this.#words.up);
    this.#down = false;
  }
}
