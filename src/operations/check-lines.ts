import { KINDS, type ArchiveRow } from '../domain/archive.ts';
import { readRow } from '../domain/archive-fields.ts';
import { DEFAULT_TIER } from '../domain/defaults.ts';
import { KeyctlError } from '../domain/error.ts';
import { tierOn, type Account } from '../domain/entities.ts';
import { newId, type RandomBytes } from '../domain/random.ts';
import type { ReadTransaction } from '../domain/store.ts';
import { dayOf, type Instant } from '../domain/utc-day.ts';
import { ColumnError, columnNamed, readKeyLine, type Column, type KeyLine } from './import-line.ts';
import type { StagedAccount, StagedKey } from './staged-key.ts';

/** What every line is checked against, read once. */
export interface Known {
  readonly prefixes: ReadonlySet<string>;
  /** From names and codes to names. */
  readonly environments: ReadonlyMap<string, string>;
  readonly services: ReadonlySet<string>;
  readonly tiers: ReadonlySet<string>;
}

/** A transaction, the line that is checked in it, and what it is checked with. */
export interface Checking {
  readonly tx: ReadTransaction;
  readonly now: Instant;
  readonly line: number;
  readonly known: Known;
  readonly randomBytes: RandomBytes;
}

/** Checks a line from elsewhere and stages it, with its account where that is to be made. Throws ColumnError. */
export async function stageKeyLine(checking: Checking, record: Readonly<Record<string, unknown>>, plain: boolean): Promise<void> {
  const read = readKeyLine(valuesOf(record, plain), checking.known.prefixes);
  const environment = environmentNamed(checking.known, read.environment);
  const id = newId('key', checking.randomBytes);
  const account = await accountFor(checking, read);
  const { digest, mask, note, expiresAt, services, allowedIps, dailyCap, disabled } = read;
  await stageKey(checking, {
    ...{ kind: 'key', id, account, environment, digest, mask, note, expiresAt, services, allowedIps, dailyCap },
    name: read.name ?? `imported-${id.slice(4, 12)}`,
    ...{ createdAt: null, disabledAt: disabled ? checking.now : null, disabledReason: disabled ? 'imported as disabled' : null },
    ...{ rotatedFrom: null, rotatedTo: null, capOf: null },
  });
}

/** SECURITY: a key in plain belongs into no file. Thrown as a failure of the whole import, before anything else is read of the line. */
function refusePlain(): never {
  throw new KeyctlError('usage', 'The file holds keys in plain; nothing was imported.', {
    hint: 'Give them on stdin, where no copy of them stays: keyctl import - < FILE, and remove the file. Or hash them first: sha256.',
  });
}

function valuesOf(record: Readonly<Record<string, unknown>>, plain: boolean): ReadonlyMap<Column, unknown> {
  const values = new Map<Column, unknown>();
  Object.entries(record).forEach(([name, value], place) => {
    const column = columnNamed(name);
    if (column === null) throw new ColumnError(`field ${String(place + 1)}`, 'There is no column of that name.');
    if (column === 'key' && !plain && value !== '' && value !== null) refusePlain();
    values.set(column, value);
  });
  return values;
}

function environmentNamed({ environments }: Known, text: string): string {
  const name = environments.get(text);
  if (name === undefined) throw new ColumnError('environment', 'There is no such environment.');
  return name;
}

/** The account of a line, by its name: one that is there, one of an earlier line, or one that is staged now. */
async function accountFor(checking: Checking, { account: name, externalId, tier }: KeyLine): Promise<string> {
  const { tx, line, known, randomBytes, now } = checking;
  const found = await existing(tx, name, externalId);
  if (found !== null) return found.name;
  if (name === null) {
    throw new ColumnError(
      'account',
      externalId === null ? 'It is missing.' : 'No account has that external id, and a new one needs a name.',
    );
  }
  const wanted = tier ?? DEFAULT_TIER;
  if (!known.tiers.has(wanted))
    throw new ColumnError('tier', tier === null ? `It is missing: ${DEFAULT_TIER} was deleted.` : 'There is no such tier.');
  const earlier = await tx.staging.claim(`account ${name}`, line);
  if (earlier !== null) {
    await agree(checking, earlier, externalId, tier);
    return name;
  }
  await claimExternalId(checking, externalId);
  const account = { id: newId('acct', randomBytes), name, externalId, createdAt: now, suspendedAt: null };
  await stage(checking, { kind: 'account', account, tier: wanted, tiers: null }, 0);
  return name;
}

async function existing(tx: ReadTransaction, name: string | null, externalId: string | null): Promise<Account | null> {
  const byId = externalId === null ? null : await tx.accounts.byExternalId(externalId);
  if (byId !== null) {
    if (name === null || byId.name === name) return byId;
    throw new ColumnError('account', 'An account of another name has that external id.');
  }
  const byName = name === null ? null : await tx.accounts.byName(name);
  if (byName === null || externalId === null) return byName;
  throw new ColumnError('external_id', 'The account of that name does not have that external id.');
}

async function agree({ tx }: Checking, earlier: number, externalId: string | null, tier: string | null): Promise<void> {
  const staged = JSON.parse((await tx.staging.get(placeOf(earlier, 0)))?.text ?? '{}') as StagedAccount;
  const where = `line ${String(earlier)}`;
  if (tier !== null && tier !== staged.tier) throw new ColumnError('tier', `The account has another tier in ${where}.`);
  if (externalId !== null && externalId !== staged.account.externalId) {
    throw new ColumnError('external_id', `The account has another external id, or none, in ${where}.`);
  }
}

async function claimExternalId({ tx, line }: Checking, externalId: string | null): Promise<void> {
  const earlier = externalId === null ? null : await tx.staging.claim(`external ${externalId}`, line);
  if (earlier !== null) throw new ColumnError('external_id', `Another account has it in line ${String(earlier)}.`);
}

async function stageKey(checking: Checking, key: StagedKey): Promise<void> {
  const { tx, line, known } = checking;
  if (key.services.some((name) => !known.services.has(name))) throw new ColumnError('services', 'There is no such service.');
  if ((await tx.keys.byDigest(key.digest)) !== null) throw new ColumnError('sha256', 'The store has that key already.');
  const same = await tx.staging.claim(`digest ${key.digest}`, line);
  if (same !== null) throw new ColumnError('sha256', `It is the key of line ${String(same)}.`);
  const account = await tx.accounts.byName(key.account);
  const taken = account === null ? [] : await tx.keys.liveByName(key.name, account.ref);
  if (taken.length > 0) throw new ColumnError('name', 'The account has a key of that name already.');
  const named = await tx.staging.claim(`name ${key.account}/${key.name}`, line);
  if (named !== null) throw new ColumnError('name', `The account has a key of that name in line ${String(named)}.`);
  await stage(checking, key, 1);
}

/** An account stands before the key that it is made for. */
function placeOf(line: number, order: 0 | 1): number {
  return line * 2 + order;
}

/** The line that a place was staged for. */
export function lineOf(place: number): number {
  return Math.floor(place / 2);
}

async function stage({ tx, line }: Checking, staged: StagedAccount | StagedKey, order: 0 | 1): Promise<void> {
  await tx.staging.add({ line: placeOf(line, order), kind: staged.kind, text: JSON.stringify(staged) });
}

/** Checks an account of an export of keys and stages it, unless it is there already. */
export async function stageExportedAccount(checking: Checking, record: Readonly<Record<string, unknown>>): Promise<void> {
  const row = readRow(KINDS.account, record);
  const { tx, line, known, now } = checking;
  const found = (await tx.accounts.byId(row.id)) ?? (await existing(tx, row.name, row.externalId));
  // Keys of the export name their account by its id there, wherever it is found here.
  if ((await tx.staging.claim(`account id ${row.id}`, line)) !== null) throw new ColumnError('id', 'A line before it has that id.');
  const name = found?.name ?? row.name;
  if ((await tx.staging.claim(`account ${name}`, line)) !== null) throw new ColumnError('name', 'A line before it is that account.');
  const { tiers, import: _, ...account } = row;
  const today = dayOf(now);
  const tier = tierOn({ tiers }, today);
  const later = tiers.filter(({ from }) => from > today);
  const history = [{ from: 0, tier, decidedAt: now }, ...later];
  if (history.some((entry) => !known.tiers.has(entry.tier))) throw new ColumnError('tiers', 'There is no such tier.');
  if (found === null) await claimExternalId(checking, row.externalId);
  const staged: StagedAccount = { kind: 'account', account: { ...account, name }, tier, tiers: history };
  await tx.staging.add({ line: placeOf(line, 0), kind: found === null ? 'account' : 'known account', text: JSON.stringify(staged) });
}

/** Checks a key of an export and stages it. */
export async function stageExportedKey(checking: Checking, record: Readonly<Record<string, unknown>>): Promise<void> {
  const row: ArchiveRow<'key'> = readRow(KINDS.key, record);
  const { tx, line, known } = checking;
  const accountLine = await tx.staging.claim(`account id ${row.account}`, line);
  const staged = accountLine === null ? null : await tx.staging.get(placeOf(accountLine, 0));
  if (staged === null) throw new ColumnError('account', 'No line before it has that account.');
  if ((await tx.keys.byId(row.id)) !== null) throw new ColumnError('id', 'The store has a key of that id already.');
  if ((await tx.staging.claim(`key id ${row.id}`, line)) !== null) throw new ColumnError('id', 'A line before it has that id.');
  const { sha256, account: _, deletedAt: __, lastUsedAt: ___, import: ____, ...key } = row;
  await stageKey(checking, {
    ...key,
    kind: 'key',
    account: (JSON.parse(staged.text) as StagedAccount).account.name,
    digest: sha256,
    environment: environmentNamed(known, row.environment),
  });
}
