import { nextReset } from '../domain/utc-day.ts';
import { LATE_RESET_MS } from '../operations/check-clock.ts';
import { describeStatus, STATUS_FIELDS, statusJson, type StatusView } from '../operations/describe-status.ts';
import { painter } from '../terminal/painter.ts';
import { duration, facts, grouped, relative, type Paint } from '../terminal/style.ts';
import type { CommandModule } from './call.ts';
import { fullName } from './key-argument.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const { out } = call;
    out.checkFields(STATUS_FIELDS);
    const status = await describeStatus(await call.openStore('read'));
    out.show(statusJson(status), () => describe(status, painter(out.color)), STATUS_FIELDS);
    return undefined;
  },
};

function describe(status: StatusView, paint: Paint): string {
  const { store, now, today, accounts, keys, expiring, lastReset } = status;
  const denied = Object.entries(today.denied).map(([code, count]) => `${grouped(count)} ${code}`);
  const lines: (readonly [string, string])[] = [
    ['Store', store],
    ['Today', `${paint.bold(grouped(today.requests))} admitted, ${grouped(today.credits)} credits`],
    ['Denied', denied.length === 0 ? 'none' : paint.red(denied.join(', '))],
    ['Accounts', grouped(accounts)],
    ['Keys', keyCounts(keys)],
    ...(expiring.count === 0 ? [] : [['Expiring', paint.yellow(expiringText(status))] as const]),
    ['Credits come back', `in ${duration(nextReset(now) - now)}, at 00:00 UTC`],
    ['Last reset', lastReset === null ? paint.yellow('never') : relative(lastReset.at, now)],
  ];
  return [facts(lines, paint), ...busiestText(status, paint), ...adviceText(status)].join('\n');
}

function keyCounts(keys: StatusView['keys']): string {
  return Object.entries(keys)
    .filter(([status, count]) => status === 'active' || count > 0)
    .map(([status, count]) => `${grouped(count)} ${status}`)
    .join(', ');
}

function expiringText({ expiring: { count, keys }, now }: StatusView): string {
  const named = keys.map((key) => `${fullName(key)} ${relative(key.expiresAt, now)}`);
  return named.join(', ') + (count > keys.length ? ` and ${grouped(count - keys.length)} more within 7 days` : '');
}

function busiestText({ busiest }: StatusView, paint: Paint): readonly string[] {
  if (busiest.length === 0) return [];
  const rows = busiest.map(({ account, tier, spent, allowance, remaining }) => {
    const share = `${grouped(spent)} of ${grouped(allowance)} credits`;
    return `  ${account} (${tier}): ${remaining === 0 ? paint.red(share) : share}`;
  });
  return ['', paint.bold('Busiest today'), ...rows];
}

/** What to do next, for who has just begun or forgot the housekeeping. */
function adviceText({ keys, lastReset, now }: StatusView): readonly string[] {
  if (keys.active === 0) return ['', 'There is no active key yet: keyctl create --name prod'];
  if (lastReset !== null && now - lastReset.at <= LATE_RESET_MS) return [];
  return ['', 'Run keyctl reset once a day or more often, from cron or a timer: it closes past days and prunes old debits.'];
}
