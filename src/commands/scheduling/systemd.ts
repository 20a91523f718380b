import { dirname } from 'node:path';
import { ENVIRONMENT_FILE, hasPassword, isUrl, type Host, type Schedule } from './host.ts';

/** Two units. The time is UTC whatever the host's zone, and a run that was missed is made up for. */
export function systemdSchedule(host: Host): Schedule {
  const { forMachine } = host;
  const folder = forMachine ? '/etc/systemd/system' : '~/.config/systemd/user';
  const manager = forMachine ? 'systemctl' : 'systemctl --user';
  return {
    files: [
      { path: `${folder}/keyctl-reset.service`, text: service(host) },
      { path: `${folder}/keyctl-reset.timer`, text: TIMER },
    ],
    then: [
      `${manager} daemon-reload`,
      `${manager} enable --now keyctl-reset.timer`,
      // A user's timers stop when the last session ends, unless the user lingers.
      ...(forMachine ? [] : ['loginctl enable-linger']),
    ],
  };
}

const TIMER = `# 00:00 UTC whatever the host's time zone; after a night that the host was
# down it catches up when it is back.
[Unit]
Description=keyctl, closing of past days at 00:00 UTC

[Timer]
OnCalendar=*-*-* 00:00:00 UTC
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
`;

function service({ interpreter, program, store, user, forMachine }: Host): string {
  const environment = hasPassword(store) ? `EnvironmentFile=${ENVIRONMENT_FILE}` : `Environment=${quoted(`KEYCTL_DB=${store}`)}`;
  return [
    '# Closes past days and prunes what is no longer kept. Balances come back',
    '# at 00:00 UTC without it.',
    '[Unit]',
    'Description=keyctl, closing of past days',
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${quotedCommand(interpreter)} ${quotedCommand(program)} reset`,
    environment,
    'UMask=0077',
    'NoNewPrivileges=true',
    ...(forMachine ? forOneUser(user, store) : []),
    '',
  ].join('\n');
}

/** What only the system's manager can do: become the user, and take away what reset does not need. */
function forOneUser(user: string, store: string): readonly string[] {
  const confined = isUrl(store) ? [] : [`ReadWritePaths=${quoted(dirname(store))}`, 'PrivateNetwork=true'];
  return [`User=${user.replaceAll('%', '%%')}`, 'ProtectSystem=strict', ...confined];
}

/** systemd.syntax(7): C-style quotes; a percent sign begins a specifier. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll('%', '%%')}"`;
}

/** In ExecStart= a dollar sign begins a variable as well. */
function quotedCommand(text: string): string {
  const doubled = text.replaceAll('$', '$$$$');
  return /[\s"'\\%;]/.test(text) ? quoted(doubled) : doubled;
}
