import { dirname } from 'node:path';
import { shellWord } from './cron.ts';
import { ENVIRONMENT_FILE, hasPassword, isUrl, type Host, type Schedule } from './host.ts';
import { xmlText } from './xml.ts';

const LABEL = 'keyctl.reset';

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Hourly, since launchd runs in the host's time zone and cannot be told UTC.
     One of these runs is at 00:00 UTC; the others find nothing to do and change
     nothing. What was missed is made up for when the host wakes up or starts.
     Balances come back at 00:00 UTC without it. -->
<plist version="1.0">
`;

/**
 * A property list, launchd.plist(5). A run that a sleeping host missed is made up for when it wakes; `RunAtLoad` does that for one that was
 * switched off.
 */
export function launchdSchedule(host: Host): Schedule {
  const { forMachine, user, store, minute } = host;
  const folder = forMachine ? '/Library/LaunchDaemons' : '~/Library/LaunchAgents';
  const path = `${folder}/${LABEL}.plist`;
  const entries = [
    entry('Label', string(LABEL)),
    entry('ProgramArguments', `<array>${argumentsOf(host).map(string).join('')}</array>`),
    entry('StartCalendarInterval', `<dict><key>Minute</key><integer>${String(minute)}</integer></dict>`),
    entry('RunAtLoad', '<true/>'),
    // Only the system's own manager can become another user.
    ...(forMachine ? [entry('UserName', string(user))] : []),
    // Without it what goes wrong would be read by nobody.
    ...(isUrl(store) ? [] : [entry('StandardErrorPath', string(`${dirname(store)}/keyctl-reset.log`))]),
    entry('Umask', '<integer>63</integer>'),
  ];
  const domain = forMachine ? 'system' : 'gui/$(id -u)';
  return {
    files: [{ path, text: `${HEAD}<dict>\n${entries.join('')}</dict>\n</plist>\n` }],
    then: [`keyctl schedule >${path}`, `launchctl bootstrap ${domain} ${path}`],
  };
}

function argumentsOf({ interpreter, program, store }: Host): readonly string[] {
  if (!hasPassword(store)) return [interpreter, program, '--db', store, 'reset'];
  return ['/bin/sh', '-c', `set -a; . ${ENVIRONMENT_FILE}; exec ${shellWord(interpreter)} ${shellWord(program)} reset`];
}

function entry(key: string, value: string): string {
  return `  <key>${key}</key>${value}\n`;
}

function string(text: string): string {
  return `<string>${xmlText(text)}</string>`;
}
