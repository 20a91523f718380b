import type { Kind } from './archive.ts';

/** From what the mark of a kind's rows follows: numbers, and texts by their length. */
export interface SummedFields {
  /** The field that tells the day of a row, in its own unit. */
  readonly time: 'at' | 'day' | 'hour' | null;
  readonly numbers: readonly string[];
  readonly texts: readonly string[];
}

const BOOKS = ['granted', 'adjusted', 'spent'];

/** Left out is what a store numbers for itself, such as services, and lists, which each keeps in its own way. */
export const SUMMED: Readonly<Record<Kind, SummedFields>> = {
  state: { time: null, numbers: ['closedThrough', 'aheadMicros'], texts: [] },
  setting: { time: null, numbers: [], texts: ['name', 'value'] },
  prefix: { time: null, numbers: ['since'], texts: ['prefix'] },
  reset: { time: null, numbers: ['at', 'day'], texts: [] },
  environment: { time: null, numbers: [], texts: ['name', 'code'] },
  service: { time: null, numbers: ['cost', 'deletedAt'], texts: ['name', 'environment'] },
  tier: { time: null, numbers: ['deletedAt'], texts: ['name'] },
  import: { time: null, numbers: ['begunAt', 'doneAt', 'undoneAt', 'accounts', 'keys'], texts: ['id'] },
  account: { time: null, numbers: ['createdAt', 'suspendedAt'], texts: ['id', 'name', 'externalId', 'import'] },
  key: {
    time: null,
    numbers: ['createdAt', 'expiresAt', 'disabledAt', 'deletedAt', 'dailyCap', 'lastUsedAt'],
    texts: ['id', 'name', 'environment', 'sha256', 'mask', 'note', 'disabledReason', 'rotatedFrom', 'rotatedTo', 'import'],
  },
  adjustment: { time: 'day', numbers: ['at', 'amount'], texts: ['id', 'reason', 'actor'] },
  books: { time: 'day', numbers: BOOKS, texts: [] },
  closedDay: { time: 'day', numbers: ['closedAt', 'accounts', ...BOOKS], texts: [] },
  cap: { time: 'day', numbers: ['spent'], texts: [] },
  debit: { time: 'at', numbers: ['id', 'at', 'cost', 'balanceAfter', 'refundedAt'], texts: ['key', 'requestId'] },
  requestId: { time: null, numbers: ['debit', 'cost', 'expiresAt', 'replaysLeft', 'refunded'], texts: ['requestId', 'key'] },
  usedHour: { time: 'hour', numbers: ['hour', 'requests', 'credits'], texts: ['key'] },
  usedDay: { time: 'day', numbers: ['requests', 'credits'], texts: ['key'] },
  deniedHour: { time: 'hour', numbers: ['hour', 'requests'], texts: ['key', 'code'] },
  deniedDay: { time: 'day', numbers: ['requests'], texts: ['key', 'code'] },
  denial: { time: 'at', numbers: ['at', 'requests'], texts: ['key', 'code', 'ip', 'requestId'] },
  audit: { time: 'at', numbers: ['at'], texts: ['action', 'targetKind', 'targetId', 'targetName'] },
  webhook: {
    time: null,
    numbers: ['allowsHttp', 'formerUntil', 'expiryMs', 'since'],
    texts: ['url', 'secret', 'formerSecret', 'thresholds'],
  },
  toldThreshold: { time: 'day', numbers: ['threshold'], texts: ['account'] },
  toldExpiry: { time: null, numbers: ['expiresAt'], texts: ['key'] },
  message: { time: 'at', numbers: ['at', 'attempts', 'dueAt', 'lastAt', 'endedAt'], texts: ['id', 'type', 'body', 'status', 'lastResult'] },
};
