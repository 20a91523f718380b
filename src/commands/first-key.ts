import { dirname, join } from 'node:path';
import { DEFAULT_ACCOUNT, DEFAULT_ENVIRONMENT } from '../domain/defaults.ts';
import { KeyctlError } from '../domain/error.ts';
import type { Store } from '../domain/store.ts';
import { createKey } from '../operations/create-key.ts';
import type { Call } from './call.ts';
import { delivering } from './deliver-secret.ts';
import { fullName } from './key-argument.ts';
import type { ServeSettings } from './serve-options.ts';

/**
 * For the first minutes with keyctl: where the store has never had a key, makes one to try, and shows it on the terminal, once, with the
 * line that verifies it, or else writes it to a new file of mode 0600 beside the store.
 */
export async function makeFirstKey(call: Call, store: Store, address: string, settings: ServeSettings): Promise<void> {
  const { now, keys } = await store.read(async (tx, at) => ({ now: at, keys: await tx.keys.count({ now: at }) }));
  if (keys > 0) return;
  const { out } = call;
  const file = out.isTerminal ? undefined : join(dirname(store.location), `first-key-${String(now)}.txt`);
  const wanted = {
    ...{ name: 'first', account: DEFAULT_ACCOUNT, environment: DEFAULT_ENVIRONMENT, note: null },
    ...{ expiresAt: null, services: [], allowedIps: [], dailyCap: null },
  };
  try {
    const { apiKey, key } = await delivering(file, (deliver) => createKey(store, wanted, call.actor, call.context.randomBytes, deliver));
    if (file === undefined) {
      out.warn(`Made a first key, ${fullName(key)}. This is its secret; it is not shown again. Try it with:`);
      out.data(curlLine(`'${settings.header}: ${apiKey}'`, address, settings));
    } else {
      out.warn(`Made a first key, ${fullName(key)}. Its secret is in ${file} (mode 0600). Try it with:`);
      out.warn(curlLine(`"${settings.header}: $(cat '${file}')"`, address, settings));
    }
  } catch (error) {
    // Another process that starts at the same moment has made it; an operator who renamed the account knows how to make one.
    if (!(error instanceof KeyctlError) || (error.code !== 'already_exists' && error.code !== 'not_found')) throw error;
  }
}

function curlLine(header: string, address: string, { socket, tokenFile }: ServeSettings): string {
  const where = socket === null ? `${address}/verify` : `--unix-socket '${socket.path}' http://localhost/verify`;
  const token = tokenFile === null ? '' : ` -H "Authorization: Bearer $(cat '${tokenFile}')"`;
  return `  curl -i -H ${header}${token} ${where}`;
}
