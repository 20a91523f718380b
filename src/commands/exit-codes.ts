import type { ErrorCode } from '../domain/error.ts';

/** The exit codes that scripts rely on. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  /** `verify`, `charge` and `simulate --exit-code`: the answer is no, and stands on stdout. */
  denied: 5,
  storeUnavailable: 6,
  cancelled: 130,
} as const;

export const EXIT_CODE_OF_ERROR = {
  usage: EXIT.usage,
  secret_in_argument: EXIT.usage,
  not_found: EXIT.notFound,
  store_missing: EXIT.notFound,
  already_exists: EXIT.conflict,
  ambiguous: EXIT.conflict,
  conflict: EXIT.conflict,
  refund_window_closed: EXIT.conflict,
  store_busy: EXIT.storeUnavailable,
  store_full: EXIT.failed,
  store_read_only: EXIT.failed,
  store_damaged: EXIT.failed,
  store_foreign: EXIT.failed,
  store_newer: EXIT.failed,
  store_older: EXIT.failed,
  store_moved: EXIT.failed,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
} as const satisfies Record<ErrorCode, number>;
