import { fault, fine, type Finding } from '../../domain/finding.ts';
import type { Connection } from './connection.ts';

const AUDIT_HINT = 'Compare with what was shipped elsewhere (keyctl audit --follow --json), and find out who could write to the database.';
const RESTORE = 'Stop every keyctl, keep a dump of the database, and put back a backup.';

async function numbers(connection: Connection, text: string): Promise<readonly number[]> {
  const { rows } = await connection.ask(text, []);
  return (rows[0] ?? []).map(Number);
}

/** Entries are numbered from 1 without gaps, and none is ever deleted: where one is missing, somebody took it away past the triggers. */
export async function inspectAudit(connection: Connection): Promise<readonly Finding[]> {
  const extent = 'SELECT count(*), coalesce(min(number), 1), coalesce(max(number), 0) FROM audit';
  const [entries = 0, first = 1, last = 0] = await numbers(connection, extent);
  if (first === 1 && entries === last) return [fine('audit', `${String(entries)} entries of the audit trail, and none is missing.`)];
  if (first !== 1) return [fault('audit', 'The audit trail does not begin with its first entry.', AUDIT_HINT)];
  const gap = 'SELECT min(number) + 1 FROM audit a WHERE NOT EXISTS (SELECT 1 FROM audit WHERE number = a.number + 1)';
  const [missing = 0] = await numbers(connection, gap);
  return [fault('audit', `Entry ${String(missing)} of the audit trail is missing, and ${String(last - entries)} in all.`, AUDIT_HINT)];
}

/**
 * What PostgreSQL cannot know of its rows: that every account has one to be locked, that the next debit gets a number of its own, that what is
 * folded is there, and that what is kept as JSON is JSON, or whoever needs the row fails.
 */
export async function inspectRows(connection: Connection): Promise<readonly Finding[]> {
  const [states = 0] = await numbers(connection, 'SELECT count(*) FROM state');
  if (states !== 1) return [fault('journal', 'The row that says how far debits are folded is missing.', RESTORE)];
  const [unlocked = 0, ahead = 0, folded = 0, unread = 0, keys = 0] = await numbers(
    connection,
    `SELECT (SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM running_days r WHERE r.account_ref = a.ref)),
       (SELECT count(*) FROM (SELECT 1 FROM debits WHERE number > (SELECT last_value FROM debit_numbers) LIMIT 1) d),
       (SELECT count(*) FROM state WHERE folded_through > (SELECT last_value FROM debit_numbers)),
       (SELECT count(*) FROM running_days WHERE jsonb_typeof(arrivals::jsonb) <> 'object'),
       (SELECT count(*) FROM keys WHERE jsonb_typeof(services::jsonb) <> 'array' OR jsonb_typeof(allowed_ips::jsonb) <> 'array')`,
  );
  const found: Finding[] = [];
  const tell = (count: number, message: string): void => {
    if (count > 0) found.push(fault('journal', message, RESTORE));
  };
  tell(unlocked, `${String(unlocked)} accounts have no row of running balances: their requests fail.`);
  tell(ahead, 'Debits have numbers that the sequence has not given yet: one of the next would meet them.');
  tell(folded, 'Usage claims to hold debits of later than any: those that come next would not count.');
  tell(unread, `${String(unread)} accounts have rate limits that cannot be read: their requests fail.`);
  tell(keys, `${String(keys)} keys have lists that cannot be read: their requests fail.`);
  return found.length > 0
    ? found
    : [fine('journal', 'Every account has its running balance, and the next debits have numbers of their own.')];
}
