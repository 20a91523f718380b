/**
 * Entries of the audit trail are numbered without gaps, and an entry that is there is never written over. REPLACE deletes the row that is in
 * its way without running the triggers of a DELETE, unless the connection has asked for recursive triggers: schema 1 forbids UPDATE and
 * DELETE, and let that through. A number far ahead would have made the next ones unreadable.
 *
 * Before an INSERT its number is known only if it was given, hence two triggers. Programs of schema 1 give none, and go on.
 */
export const AUDIT_NUMBERS = `
CREATE TRIGGER audit_keeps_numbers BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_counts_on AFTER INSERT ON audit
WHEN NEW.number <> 1 + ifnull((SELECT max(number) FROM audit WHERE number <> NEW.number), 0)
BEGIN SELECT RAISE(ABORT, 'the audit trail is numbered without gaps'); END;
`;
