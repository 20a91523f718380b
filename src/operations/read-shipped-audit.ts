import type { Doors } from '../domain/doors.ts';
import type { AuditEntry, ReadTransaction } from '../domain/store.ts';
import type { Instant } from '../domain/utc-day.ts';

/** What lines of `audit --follow --json` say beyond what a store's own trail says. */
export interface ShippedAudit {
  readonly entries: number;
  /** Entries that the store's own trail has as well. */
  readonly known: number;
  /** Numbers of the lines that are no entries. */
  readonly unreadable: readonly number[];
  /** The last entry's time. */
  readonly until: Instant | null;
  /** The first entry that should be there and is not: the lines do not reach back to the trail, or leave entries out. */
  readonly missing: number | null;
  /** The doors of keys as the lines leave them, by id: the fields that they tell of. */
  readonly keys: ReadonlyMap<string, Partial<Doors>>;
  /** Since when accounts are suspended, by id; null for not. */
  readonly accounts: ReadonlyMap<string, Instant | null>;
  /** Keys and accounts that were made: the lines hold no secrets and no digests, so that they are lost. */
  readonly lost: readonly { readonly kind: 'key' | 'account'; readonly id: string; readonly name: string }[];
  /** How many entries of other kinds there are, by action. */
  readonly others: ReadonlyMap<string, number>;
}

interface Line {
  readonly number: number;
  readonly at: Instant;
  readonly action: string;
  readonly targetKind: AuditEntry['targetKind'];
  readonly target: string;
  readonly targetName: string;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** Reads the lines in their order. Those that the trail has already tell nothing new; of a later one, what is said last holds. */
export async function readShippedAudit(lines: AsyncIterable<string>, tx: ReadTransaction): Promise<ShippedAudit> {
  const reading = new Reading((await tx.audit.page({}, null, 1))[0]?.number ?? 0);
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text.trim() === '') continue;
    const line = parseLine(text);
    if (line === null) reading.unreadable.push(number);
    else reading.take(line, await isKnown(tx, line));
  }
  return reading.result();
}

async function isKnown(tx: ReadTransaction, { number, at, action, target }: Line): Promise<boolean> {
  const [found] = await tx.audit.since({}, number - 1, 1);
  return found?.number === number && found.at === at && found.action === action && found.targetId === target;
}

class Reading {
  readonly unreadable: number[] = [];
  readonly #keys = new Map<string, Partial<Doors>>();
  readonly #accounts = new Map<string, Instant | null>();
  readonly #lost: { kind: 'key' | 'account'; id: string; name: string }[] = [];
  readonly #others = new Map<string, number>();
  readonly #trailEnd: number;
  #last: number;
  #known = 0;
  #lastKnown = 0;
  #entries = 0;
  #until: Instant | null = null;
  #missing: number | null = null;

  constructor(trailEnd: number) {
    this.#trailEnd = trailEnd;
    this.#last = trailEnd;
  }

  take(line: Line, known: boolean): void {
    this.#entries += 1;
    this.#until = Math.max(this.#until ?? 0, line.at);
    if (known) {
      this.#known += 1;
      this.#lastKnown = line.number;
      return;
    }
    // The trail's numbers have no gaps, whatever is done: one that is left out is an entry that is left out.
    if (line.number !== this.#last + 1) this.#missing ??= this.#last + 1;
    this.#last = line.number;
    if (line.targetKind === 'key') this.#takeKey(line);
    else if (line.targetKind === 'account') this.#takeAccount(line);
    else this.#takeOther(line);
  }

  #takeKey({ action, target: id, targetName: name, after, ...line }: Line): void {
    if (action === 'key.create') this.#lost.push({ kind: 'key', id, name });
    const doors = doorsOf(after);
    if (Object.keys(doors).length > 0) this.#keys.set(id, { ...this.#keys.get(id), ...doors });
    else this.#takeOther({ action, target: id, targetName: name, after, ...line });
  }

  #takeAccount(line: Line): void {
    const { action, target: id, targetName: name, after, at } = line;
    if (action === 'account.create') this.#lost.push({ kind: 'account', id, name });
    else if (action === 'account.suspend') this.#accounts.set(id, at);
    else if (action === 'account.resume') this.#accounts.set(id, null);
    else if (action === 'account.restore' && typeof after?.['suspendedAt'] === 'string') this.#accounts.set(id, at);
    else this.#takeOther(line);
  }

  #takeOther({ action }: Line): void {
    this.#others.set(action, (this.#others.get(action) ?? 0) + 1);
  }

  result(): ShippedAudit {
    // Lines that say nothing at all, or end before the trail does, reach nowhere.
    const reaches = this.#entries > this.#known || (this.#known > 0 && this.#lastKnown === this.#trailEnd);
    const missing = this.#missing ?? (reaches ? null : this.#trailEnd + 1);
    const [keys, accounts, lost, others] = [this.#keys, this.#accounts, this.#lost, this.#others];
    return {
      entries: this.#entries,
      known: this.#known,
      unreadable: this.unreadable,
      until: this.#until,
      missing,
      keys,
      accounts,
      lost,
      others,
    };
  }
}

function parseLine(text: string): Line | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const { number, action, targetKind, target, targetName } = value;
  const at = typeof value['at'] === 'string' ? Date.parse(value['at']) : Number.NaN;
  const words = [action, targetKind, target, targetName].every((word) => typeof word === 'string');
  if (!words || Number.isNaN(at) || typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1) return null;
  const after = value['after'] ?? null;
  if (after !== null && (!isRecord(after) || !isSane(after))) return null;
  return { number, at, action, targetKind, target, targetName, after } as Line;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How the fields of a key's doors stand in an entry: times in ISO 8601, null for none. */
const FIELDS: Readonly<Record<keyof Doors, (value: unknown) => unknown>> = {
  expiresAt: instant,
  disabledAt: instant,
  deletedAt: instant,
  disabledReason: (value) => (value === null || typeof value === 'string' ? value : undefined),
  services: texts,
  allowedIps: texts,
  dailyCap: (value) => (value === null || (Number.isSafeInteger(value) && Number(value) >= 0) ? value : undefined),
};

function instant(value: unknown): Instant | null | undefined {
  if (value === null) return null;
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function texts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function isSane(after: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(FIELDS).every(([name, read]) => !(name in after) || read(after[name]) !== undefined);
}

function doorsOf(after: Line['after']): Partial<Doors> {
  const told = Object.entries(FIELDS).filter(([name]) => after !== null && name in after);
  return Object.fromEntries(told.map(([name, read]) => [name, read(after?.[name])]));
}
