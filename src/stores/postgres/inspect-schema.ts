import { fault, fine, warning, type Finding } from '../../domain/finding.ts';
import type { Connection } from './connection.ts';
import { MIGRATIONS, SCHEMA, SCHEMA_VERSION } from './schema.ts';

const RESTORE =
  'Keep a dump of the database, and put back a backup: without it promises do not hold, such as that a disabled key is denied at once.';

/** What the migrations make, by kind and name. */
function expected(): ReadonlySet<string> {
  const made = /CREATE (?:UNIQUE )?(TABLE|INDEX|FUNCTION|TRIGGER|SEQUENCE) (\w+)/g;
  return new Set(
    MIGRATIONS.flatMap(({ sql }) => [...sql.matchAll(made)].map(([, kind = '', name = '']) => `${kind.toLowerCase()} ${name}`)),
  );
}

/** `off` are triggers that are switched off, indexes that answer nothing and constraints that were never checked. */
const PRESENT = `
SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END || ' ' || relname AS name,
  relkind = 'i' AND NOT (SELECT indisvalid FROM pg_index WHERE indexrelid = c.oid) AS off
FROM pg_class c WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind IN ('r', 'p', 'S', 'i', 'I')
UNION ALL SELECT 'function ' || proname, false FROM pg_proc WHERE pronamespace = '${SCHEMA}'::regnamespace
UNION ALL SELECT 'trigger ' || tgname, tgenabled NOT IN ('O', 'A') FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  WHERE c.relnamespace = '${SCHEMA}'::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'constraint ' || conname, NOT convalidated FROM pg_constraint WHERE connamespace = '${SCHEMA}'::regnamespace`;

/** Whether the tables, indexes, functions and triggers are those that the migrations make, and at work: a trigger less, and a disabled key may pass. */
export async function inspectSchema(connection: Connection): Promise<readonly Finding[]> {
  const { rows } = await connection.ask(PRESENT, []);
  const present = new Map(rows.map(([name, off]) => [String(name), off === true]));
  const wanted = expected();
  const found: Finding[] = [];
  for (const name of wanted) if (!present.has(name)) found.push(fault('schema', `The ${name} is missing.`, RESTORE));
  for (const [name, off] of present) if (off) found.push(fault('schema', `The ${name} is there, but not at work.`, RESTORE));
  for (const name of present.keys()) {
    if (!name.startsWith('trigger ') || wanted.has(name)) continue;
    const hint = 'If you do not know who made it, find out: a trigger may change what is written.';
    found.push(warning('schema', `The ${name} is not keyctl's.`, hint));
  }
  if (found.length > 0) return found;
  return [
    fine('schema', `Schema ${String(SCHEMA_VERSION)}: ${String(wanted.size)} tables, indexes, functions and triggers as they should be.`),
  ];
}

const OPEN = `
SELECT 'the schema' FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = '${SCHEMA}' AND a.grantee = 0
UNION ALL SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = '${SCHEMA}'::regnamespace AND a.grantee = 0 LIMIT 1`;

/** Digests of keys are nobody else's business, and who may write could admit anybody. */
export async function inspectPermissions(connection: Connection): Promise<readonly Finding[]> {
  const { rows } = await connection.ask(OPEN, []);
  const [what] = (rows[0] ?? []) as (string | undefined)[];
  if (what === undefined) return [fine('permissions', 'No role but the owner and those it names may read or write the store.')];
  const hint = `Run as its owner: REVOKE ALL ON SCHEMA ${SCHEMA} FROM PUBLIC; REVOKE ALL ON ALL TABLES IN SCHEMA ${SCHEMA} FROM PUBLIC`;
  return [fault('permissions', `Every role of the server may use ${what} of the store.`, hint)];
}
