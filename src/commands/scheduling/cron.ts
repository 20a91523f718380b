import { ENVIRONMENT_FILE, hasPassword, type Host, type Schedule } from './host.ts';

const WHY = `# Hourly, since cron runs in the host's time zone: Debian's cannot be told
# UTC, and that of cronie skips jobs of CRON_TZ=UTC when daylight saving time
# begins or ends. One of these runs is at 00:00 UTC, and makes up for one that
# was missed; the others find nothing to do and change nothing. Balances come
# back at 00:00 UTC without it. What goes wrong is on stderr, and cron mails it.
`;

/** One line. For the whole machine it is a file of /etc/cron.d, which names the user; else it is a line of the user's own crontab. */
export function cronSchedule({ interpreter, program, store, user, forMachine, minute }: Host): Schedule {
  const call = `${quoted(interpreter)} ${quoted(program)}`;
  const where = hasPassword(store) ? `set -a; . ${ENVIRONMENT_FILE}; ` : '';
  const db = hasPassword(store) ? '' : ` --db ${quoted(store)}`;
  const line = `${String(minute)} * * * * ${forMachine ? `${user} ` : ''}${where}${call}${db} reset >/dev/null\n`;
  if (forMachine) return { files: [{ path: '/etc/cron.d/keyctl', text: `${WHY}${line}` }], then: [] };
  return { files: [{ path: 'crontab', text: `${WHY}${line}` }], then: ['(crontab -l; keyctl schedule --cron) | crontab -'] };
}

/** To cron a percent sign is the end of the line, unless a backslash stands before it. */
function quoted(text: string): string {
  return shellWord(text).replaceAll('%', String.raw`\%`);
}

/** One word for sh. */
export function shellWord(text: string): string {
  return /^[\w./:@=+,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
