/**
 * Every way in which keyctl can fail. A denial is not among them: that is a verdict, a value.
 * The tables of exit codes and HTTP statuses `satisfies Record<ErrorCode, …>`, so a forgotten code does not compile.
 */
export type ErrorCode =
  | 'usage'
  | 'secret_in_argument'
  | 'not_found'
  | 'store_missing'
  | 'already_exists'
  | 'ambiguous'
  | 'conflict'
  | 'refund_window_closed'
  | 'store_busy'
  | 'store_full'
  | 'store_read_only'
  | 'store_damaged'
  | 'store_foreign'
  | 'store_newer'
  | 'store_older'
  | 'store_moved'
  | 'failed'
  | 'cancelled';

/** A failure that is told to a person: what went wrong, and in `hint` what to do next. */
export class KeyctlError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KeyctlError';
    this.code = code;
    this.hint = options.hint ?? null;
  }
}

/** Shorthand for the most frequent failure: an argument that cannot be meant. */
export function usageError(message: string, hint?: string): KeyctlError {
  return new KeyctlError('usage', message, hint === undefined ? {} : { hint });
}
