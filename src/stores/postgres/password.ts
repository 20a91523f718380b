import { readFileSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { KeyctlError } from '../../domain/error.ts';
import { othersMayUse } from '../../domain/file-mode.ts';
import { codeOf } from './errors.ts';
import type { Address, Host } from './address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The password for one of the hosts, from where libpq looks for it: the URL, PGPASSWORD, or the file that the URL or PGPASSFILE names, else
 * `~/.pgpass`. Null when there is none: the server may ask for none.
 */
export function passwordFor(address: Address, host: Host, env: Environment): string | null {
  if (address.password !== null) return address.password;
  const variable = env['PGPASSWORD'];
  if (variable !== undefined && variable !== '') return variable;
  const named = address.passwordFile ?? (env['PGPASSFILE'] || null);
  const file = named ?? (env['HOME'] ? join(env['HOME'], '.pgpass') : null);
  if (file === null) return null;
  const text = readPrivate(file, named !== null);
  return text === null ? null : passwordIn(text, address, host);
}

function readPrivate(file: string, named: boolean): string | null {
  try {
    // SECURITY: as libpq does, a file that others may read is not used.
    if (othersMayUse(statSync(file).mode, platform())) {
      if (!named) return null;
      throw new KeyctlError('usage', 'The file of passwords is open to others.', { hint: `Close it: chmod 600 ${file}` });
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof KeyctlError || (!named && codeOf(error) === 'ENOENT')) {
      if (error instanceof KeyctlError) throw error;
      return null;
    }
    throw new KeyctlError('usage', 'The file of passwords cannot be read.', {
      hint: 'Check passfile in the URL, and PGPASSFILE.',
      cause: error,
    });
  }
}

/** Lines are `host:port:database:user:password`; `*` stands for anything, and a backslash before `:` or itself. The first that fits counts. */
function passwordIn(text: string, { database, user }: Address, { host, port }: Host): string | null {
  const asked = [host.startsWith('/') ? 'localhost' : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = fieldsOf(line);
    const fits = asked.every((value, place) => fields[place] === '*' || fields[place] === value || (place === 0 && fields[0] === host));
    if (fits && fields[4] !== undefined) return fields[4];
  }
  return null;
}

function fieldsOf(line: string): readonly string[] {
  const fields: string[] = [];
  let field = '';
  for (let place = 0; place < line.length; place += 1) {
    const escapes = line.charAt(place) === '\\' && place + 1 < line.length;
    if (escapes) place += 1;
    if (line.charAt(place) === ':' && !escapes && fields.length < 4) {
      fields.push(field);
      field = '';
    } else field += line.charAt(place);
  }
  return [...fields, field];
}
