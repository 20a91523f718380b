import { firstDebitNumber } from '../../domain/debit.ts';
import type { AccountChange, Settlement } from '../../domain/settle.ts';
import { dayOf, type Instant, type UtcDay } from '../../domain/utc-day.ts';
import { arrivalsText } from '../arrivals.ts';
import { bigints, type BatchRows } from './batch-rows.ts';
import { CORRECT_SUMS, OPEN_SUMS, sumsCorrection } from './day-sums.ts';
import { namesOf, putRows, rowsFrom } from './rows-from.ts';
import type { Statement, Value } from './statements.ts';

/** What the store's one row of state says that a settle has to know. */
export interface State {
  readonly generation: number;
  readonly aheadMicros: number;
  readonly closedThrough: UtcDay;
  /** The day whose books are being counted, or 0. */
  readonly countingDay: UtcDay;
}

const BOOKS = { account_ref: 'bigint', day: 'bigint', granted: 'bigint', adjusted: 'bigint', spent: 'bigint' } as const;

/** The values of the columns begin with this one. */
const updateRunning = (first: number): string =>
  `UPDATE running_days r SET day = c.day, granted = c.granted, adjusted = c.adjusted, spent = c.spent, arrivals = c.arrivals
    FROM ${rowsFrom(first, { ...BOOKS, arrivals: 'text' })} WHERE r.account_ref = c.account_ref`;
const DEBITS = {
  ...({ number: 'bigint', account_ref: 'bigint', key_ref: 'bigint', service_ref: 'bigint', cost: 'bigint' } as const),
  ...({ balance_after: 'bigint', request_id: 'text', arrival: 'bigint' } as const),
};
const INSERT_DEBITS = `INSERT INTO debits (at, ${namesOf(DEBITS)}) SELECT $1::bigint, c.* FROM ${rowsFrom(2, DEBITS)}`;
/** What nearly every batch writes, in one statement. */
const DEBIT = `WITH moved AS (${updateRunning(2 + Object.keys(DEBITS).length)}) ${INSERT_DEBITS}`;
const UPDATE_RUNNING = updateRunning(1);
const PUT_REQUEST_IDS = putRows('request_ids', 2, {
  ...({ account_ref: 'bigint', request_id: 'text', debit: 'bigint', key_ref: 'bigint', service_ref: 'bigint', cost: 'bigint' } as const),
  ...({ expires_at: 'bigint', replays_left: 'bigint', refunded: 'boolean' } as const),
});
const PUT_CAPS = putRows('cap_spending', 3, { account_ref: 'bigint', cap_group: 'bigint', day: 'bigint', spent: 'bigint' });
const PUT_PAST = putRows('past_days', 2, BOOKS);
const DELETE_PAST = 'DELETE FROM past_days WHERE account_ref = ANY($1::bigint[]) AND day = $2';
const RAISE_AHEAD = 'UPDATE state SET ahead_micros = greatest(ahead_micros, $1)';

/** The state says by how much at least in whole steps, so that one that grows little by little is written once. */
const AHEAD_STEP_MICROS = 1_000;

/** Whether a batch that was so decided leaves anything to write. */
export function changesSomething({ accounts, debits, caps, requestIds }: Settlement): boolean {
  return accounts.length + debits.length + caps.length + requestIds.length > 0;
}

/** What writes whatever a batch has changed, each table in one statement. */
export function writesOf(settlement: Settlement, rows: BatchRows, state: State, now: Instant): readonly Statement[] {
  const { accounts, debits, caps, requestIds } = settlement;
  const statements: Statement[] = [];
  const send: Send = (text, values, name) => void statements.push({ text, values, name });
  if (debits.length > 0) send(DEBIT, [...debitValues(settlement, now), ...runningValues(accounts)], 'debit');
  else if (accounts.length > 0) send(UPDATE_RUNNING, runningValues(accounts), 'update_running');
  if (requestIds.length > 0) send(PUT_REQUEST_IDS, requestIdValues(settlement), 'put_request_ids');
  if (caps.length > 0) {
    const refs = caps.map(({ capGroup }) => rows.accountOfCap(capGroup));
    const columns = [refs, caps.map(({ capGroup }) => capGroup), caps.map(({ day }) => day), caps.map(({ spent }) => spent)];
    send(PUT_CAPS, columns.map(bigints), 'put_caps');
  }
  sendDisplaced(accounts, send);
  const ahead = (debits.at(-1)?.number ?? 0) - firstDebitNumber(now);
  if (ahead > state.aheadMicros) send(RAISE_AHEAD, [Math.ceil(ahead / AHEAD_STEP_MICROS) * AHEAD_STEP_MICROS], 'raise_ahead');
  const day = dayOf(now);
  // A clock that ran ahead closed this day too early, or it is being counted: what is spent on it now belongs to its sums.
  if (accounts.length > 0 && (day <= state.closedThrough || day === state.countingDay)) {
    send(OPEN_SUMS, [day], 'open_sums');
    for (const change of accounts) send(CORRECT_SUMS, correction(change, day), 'correct_sums');
  }
  return statements;
}

type Send = (text: string, values: readonly Value[], name: string) => void;

/** Books of another day leave the hot row for the archive, and those that a clock had put there come back. */
function sendDisplaced(accounts: readonly AccountChange[], send: Send): void {
  const displaced = accounts.flatMap(({ accountRef, displaced: balance }) => (balance === null ? [] : [{ accountRef, ...balance }]));
  if (displaced.length > 0) {
    const columns = [
      displaced.map(({ accountRef }) => accountRef),
      displaced.map(({ day }) => day),
      displaced.map(({ granted }) => granted),
      displaced.map(({ adjusted }) => adjusted),
      displaced.map(({ spent }) => spent),
    ];
    send(PUT_PAST, columns.map(bigints), 'put_past');
  }
  const [back] = accounts.filter(({ fromArchive }) => fromArchive);
  if (back === undefined) return;
  const refs = accounts.filter(({ fromArchive }) => fromArchive).map(({ accountRef }) => accountRef);
  send(DELETE_PAST, [bigints(refs), back.running.balance.day], 'delete_past');
}

function runningValues(accounts: readonly AccountChange[]): readonly Value[] {
  return [
    bigints(accounts.map(({ accountRef }) => accountRef)),
    bigints(accounts.map(({ running }) => running.balance.day)),
    bigints(accounts.map(({ running }) => running.balance.granted)),
    bigints(accounts.map(({ running }) => running.balance.adjusted)),
    bigints(accounts.map(({ running }) => running.balance.spent)),
    accounts.map(({ running }) => arrivalsText(running.arrivals)),
  ];
}

function debitValues({ debits }: Settlement, now: Instant): readonly Value[] {
  return [
    now,
    bigints(debits.map(({ number }) => number)),
    bigints(debits.map(({ accountRef }) => accountRef)),
    bigints(debits.map(({ keyRef }) => keyRef)),
    bigints(debits.map(({ serviceRef }) => serviceRef)),
    bigints(debits.map(({ cost }) => cost)),
    bigints(debits.map(({ balanceAfter }) => balanceAfter)),
    debits.map(({ requestId }) => requestId),
    bigints(debits.map(({ arrival }) => arrival)),
  ];
}

function requestIdValues({ requestIds }: Settlement): readonly Value[] {
  const charges = requestIds.map(({ charge }) => charge);
  return [
    bigints(requestIds.map(({ accountRef }) => accountRef)),
    requestIds.map(({ requestId }) => requestId),
    bigints(charges.map(({ number }) => number)),
    bigints(charges.map(({ keyRef }) => keyRef)),
    bigints(charges.map(({ serviceRef }) => serviceRef)),
    bigints(charges.map(({ cost }) => cost)),
    bigints(charges.map(({ expiresAt }) => expiresAt)),
    bigints(charges.map(({ replaysLeft }) => replaysLeft)),
    `{${charges.map(({ refunded }) => String(refunded)).join()}}`,
  ];
}

function correction({ accountRef, running, opened, spent }: AccountChange, day: UtcDay): readonly Value[] {
  const { balance } = running;
  return sumsCorrection(day, accountRef, opened ? null : { ...balance, spent: balance.spent - spent }, balance);
}
