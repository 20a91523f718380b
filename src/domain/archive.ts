import {
  anything,
  checked,
  day,
  debitNumber,
  digest,
  hour,
  instant,
  listOf,
  maybe,
  object,
  text,
  whole,
  yes,
  type RowOf,
} from './archive-fields.ts';
import { usageError } from './error.ts';
import { checkIpRange } from './ip-range.ts';
import { checkEnvironmentCode, checkExternalId, checkKeyName, checkKeyPrefix, checkName, checkText } from './names.ts';
import type { Instant, UtcDay } from './utc-day.ts';

// The format of an export: JSON lines. The first says what the file is, each of the others is one row of the store, and the last says how many
// there are. Accounts and keys are named by their ids, services by a number, since several that were deleted may have had one name.

export const FORMAT = 'keyctl-export';
export const FORMAT_VERSION = 1;

/** What an export holds: the whole store, or keys with whatever they need. */
export type Scope = 'store' | 'keys';

const serviceName = checked((found) => checkName('service', found));
const environmentName = checked((found) => checkName('environment', found));
const tierName = checked((found) => checkName('tier', found));
/** The service of a limit may be `*`, every service. */
const limited = checked((found) => (found === '*' ? found : checkName('service', found)));
const note = checked((found) => checkText('note', found));
const mask = checked((found) => {
  if (/^[\x21-\x7e]{0,26}…[\x21-\x7e]{0,4}$/.test(found)) return found;
  throw usageError('That is not a mask.');
});

const books = { granted: whole, adjusted: whole, spent: whole };
const used = { account: text, key: maybe(text), service: whole, requests: whole, credits: whole };
const denied = { account: maybe(text), key: maybe(text), service: maybe(whole), code: text, requests: whole };

/** Every kind of row that a store hands over, in the order in which they stand: each refers only to those before it. */
export const KINDS = {
  state: { closedThrough: day, aheadMicros: whole },
  setting: { name: text, value: text },
  prefix: { prefix: checked(checkKeyPrefix), since: instant },
  reset: { at: instant, day },
  environment: { name: environmentName, code: checked(checkEnvironmentCode) },
  service: { number: whole, name: serviceName, cost: whole, environment: maybe(text), deletedAt: maybe(instant) },
  tier: {
    name: tierName,
    deletedAt: maybe(instant),
    credits: listOf(object({ from: day, credits: whole })),
    limits: listOf(object({ service: limited, requestsPerSecond: whole, burst: whole })),
  },
  import: { id: text, begunAt: instant, doneAt: instant, undoneAt: maybe(instant), accounts: whole, keys: whole },
  account: {
    id: text,
    name: checked((found) => checkName('account', found)),
    externalId: maybe(checked(checkExternalId)),
    createdAt: instant,
    suspendedAt: maybe(instant),
    tiers: listOf(object({ from: day, tier: text, decidedAt: instant })),
    import: maybe(text),
  },
  key: {
    id: text,
    account: text,
    name: checked(checkKeyName),
    environment: text,
    sha256: digest,
    mask,
    note: maybe(note),
    createdAt: instant,
    expiresAt: maybe(instant),
    disabledAt: maybe(instant),
    disabledReason: maybe(note),
    deletedAt: maybe(instant),
    rotatedFrom: maybe(text),
    rotatedTo: maybe(text),
    services: listOf(serviceName),
    allowedIps: listOf(checked(checkIpRange)),
    dailyCap: maybe(whole),
    /** The first key of its chain of rotations, which share one cap. */
    capOf: text,
    lastUsedAt: maybe(instant),
    import: maybe(text),
  },
  adjustment: { id: text, at: instant, account: text, day, amount: whole, reason: text, actor: text },
  books: { account: text, day, ...books },
  closedDay: { day, closedAt: instant, accounts: whole, ...books },
  cap: { key: text, day, spent: whole },
  debit: {
    ...{ id: debitNumber, at: instant, account: text, key: maybe(text), service: whole, cost: whole, balanceAfter: whole },
    ...{ requestId: maybe(text), refundedAt: maybe(instant) },
  },
  requestId: {
    ...{ requestId: text, account: text, debit: debitNumber, key: maybe(text), service: whole, cost: whole, expiresAt: instant },
    ...{ replaysLeft: maybe(whole), refunded: yes },
  },
  usedHour: { hour, ...used },
  usedDay: { day, ...used },
  deniedHour: { hour, ...denied },
  deniedDay: { day, ...denied },
  denial: { at: instant, ...denied, ip: maybe(text), requestId: maybe(text) },
  audit: {
    at: instant,
    actor: object({ claimed: maybe(text), osUser: text, sudoUser: maybe(text), host: text }),
    ...{ action: text, targetKind: text, targetId: text, targetName: text, before: maybe(anything), after: maybe(anything) },
  },
  webhook: {
    ...{ url: text, allowsHttp: yes, secret: text, formerSecret: maybe(text), formerUntil: maybe(instant) },
    ...{ thresholds: listOf(whole), expiryMs: maybe(whole), since: maybe(day) },
  },
  toldThreshold: { account: text, day, threshold: whole },
  toldExpiry: { key: text, expiresAt: instant },
  message: {
    ...{ id: text, type: text, at: instant, body: text, status: text, attempts: whole, dueAt: maybe(instant) },
    ...{ lastAt: maybe(instant), lastResult: maybe(text), endedAt: maybe(instant) },
  },
} as const;

export type Kind = keyof typeof KINDS;
export type ArchiveRow<Name extends Kind> = RowOf<(typeof KINDS)[Name]>;

export const ALL_KINDS = Object.keys(KINDS) as readonly Kind[];
/** What `--keys` exports. */
export const KEY_KINDS: readonly Kind[] = ['environment', 'service', 'tier', 'account', 'key'];
/** What goes along when a store moves, and into no export: a second installation must not speak for the first, nor have the secret that it signs with. */
const MOVED_ONLY: readonly Kind[] = ['webhook', 'toldThreshold', 'toldExpiry', 'message'];
/** What an export of a whole store has, and an import takes. */
export const EXPORTED_KINDS: readonly Kind[] = ALL_KINDS.filter((kind) => !MOVED_ONLY.includes(kind));

export function isExported(found: unknown): found is Kind {
  return EXPORTED_KINDS.some((kind) => kind === found);
}

/** A row that does not fit those before it; the message is a sentence about it. */
export class Misfit extends Error {
  /** Its place among the rows that were put in together. */
  readonly place: number;

  constructor(message: string, place: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Misfit';
    this.place = place;
  }
}

/** What the rows of one kind on one day come to; the day is null for what belongs to none. */
export interface ArchiveSum {
  readonly kind: Kind;
  readonly day: UtcDay | null;
  readonly rows: number;
  /** The sum of a number that follows from each row: hardly ever the same for other rows. */
  readonly mark: number;
}

/** The part of the store's port that copies it. */
export interface ArchiveRows {
  /** Whether the store is as it was made, but for its settings, tiers and services. */
  isUntouched(): Promise<boolean>;
  /** How many rows there are of all kinds together, about. */
  count(scope: Scope): Promise<number>;
  /** All rows of a kind, some at a time, in an order in which they can be put back. */
  rows<Name extends Kind>(kind: Name, scope: Scope): AsyncIterable<readonly ArchiveRow<Name>[]>;
  /** What all rows of a kind come to, of every day of which there are any: equal in two stores that hold the same. */
  sums(kind: Kind): Promise<readonly ArchiveSum[]>;
}

export interface ArchiveWrites extends ArchiveRows {
  /**
   * Empties an untouched store of what it began with. Rows of a file are checked one by one as they are put in; those of another store, which had
   * checked them, may be checked by `seal`.
   */
  clear(source: 'file' | 'store'): Promise<void>;
  /** Puts rows in, one after the other. Throws Misfit for the first that does not fit those before it; then the transaction is of no more use. */
  put<Name extends Kind>(kind: Name, rows: readonly ArchiveRow<Name>[]): Promise<void>;
  /** To be called after the last row. Throws Misfit where rows of another store do not fit after all. */
  seal(): Promise<void>;
  /** From the commit on no program, of whatever release, uses the store any more; each is told where it went. */
  giveUp(to: string, at: Instant): Promise<void>;
}
