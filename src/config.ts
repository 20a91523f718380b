import { join } from 'node:path';
import { usageError } from './domain/error.ts';

export interface StoreLocation {
  /** `--db` */
  readonly flag: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly exists: (path: string) => boolean;
  /** The platform's folder for a program's data; asked last, since finding it loads a library. */
  readonly dataDirectory: () => Promise<string>;
}

const SYSTEM_STORE = '/var/lib/keyctl/keyctl.db';

/** Where the store is: flag, then environment, then the service manager's folder, then the system's, then the user's own. */
export async function locateStore({ flag, env, exists, dataDirectory }: StoreLocation): Promise<string> {
  if (flag !== undefined) return checkLocation('--db', flag);
  const variable = env['KEYCTL_DB'];
  if (variable !== undefined && variable !== '') return variable;
  const state = env['STATE_DIRECTORY'];
  // systemd separates several folders by colons; the first is the unit's own.
  if (state !== undefined && state !== '') return join(state.split(':')[0] ?? state, 'keyctl.db');
  if (exists(SYSTEM_STORE)) return SYSTEM_STORE;
  return join(await dataDirectory(), 'keyctl.db');
}

/** A place that stands among the arguments, as the value of a flag. */
export function checkLocation(flag: string, location: string): string {
  if (location === '') throw usageError(`${flag} is empty.`, 'Give it the path of the store.');
  if (/^postgres(ql)?:/i.test(location) && (/^[^:]*:\/\/[^@?]*:[^@]*@/.test(location) || /[?&]password=/i.test(location))) {
    // SECURITY: argv is readable by every user of the machine. The URL is not repeated.
    throw usageError(
      `${flag} holds a password.`,
      'Put the URL into KEYCTL_DB, or the password into PGPASSFILE; then change that password.',
    );
  }
  return location;
}
