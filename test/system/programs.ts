import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The package of Debian that brings each program which these tests start. */
const PACKAGE_OF = {
  nginx: 'nginx-light',
  caddy: 'caddy',
  haproxy: 'haproxy',
  faketime: 'faketime',
  tmux: 'tmux',
  perl: 'perl-base',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'systemd-analyze': 'systemd',
  'systemd-notify': 'systemd',
  'systemd-socket-activate': 'systemd',
  prlimit: 'util-linux',
  strace: 'strace',
  bash: 'bash',
  zsh: 'zsh',
  fish: 'fish',
  man: 'man-db',
  groff: 'groff-base',
} as const;

export type Program = keyof typeof PACKAGE_OF;

/** Servers live in sbin, which is not on every user's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program. Throws with the package to install: a test whose program is missing fails, it is not left out. */
export function programPath(program: Program): string {
  const folder = FOLDERS.find((candidate) => candidate !== '' && isExecutable(join(candidate, program)));
  if (folder !== undefined) return join(folder, program);
  throw new Error(`${program} is not installed. On Debian: apt-get install ${PACKAGE_OF[program]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
