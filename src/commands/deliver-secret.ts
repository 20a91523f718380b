import { closeSync, fsyncSync, rmSync, writeSync } from 'node:fs';
import { KeyctlError } from '../domain/error.ts';
import { KEY_FIELDS, keyJson, type KeyView } from '../operations/describe-keys.ts';
import type { Call } from './call.ts';
import { fullName } from './key-argument.ts';
import { openNewFile } from './new-file.ts';

/** The fields of what `create` and `rotate` show: a key's, and its secret, which stands nowhere else. */
export const NEW_KEY_FIELDS = [...KEY_FIELDS, 'apiKey'] as const;

/**
 * Runs `act`, which makes a key in a transaction and hands its secret to `deliver` there: with a file, it is written before the key is
 * committed, so that no key exists whose secret nobody has. When the transaction fails after that, the file goes again. `undone` says what
 * did not happen when the file cannot be written.
 */
export async function delivering<Result>(
  file: string | undefined,
  act: (deliver: (secret: string) => void) => Promise<Result>,
  undone = 'no key was made',
): Promise<Result> {
  const written: string[] = [];
  try {
    return await act((secret) => {
      if (file === undefined) return;
      writeSecretFile(file, secret, undone);
      written.push(file);
    });
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw error;
  }
}

/** Writes the secret to a file that must not exist yet, readable by its owner alone. Throws `already_exists` or `failed`. */
function writeSecretFile(path: string, secret: string, undone: string): void {
  const file = openNewFile(path, undone);
  try {
    writeSync(file, `${secret}\n`);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw new KeyctlError('failed', `The secret cannot be written to the file of --out; ${undone}.`, {
      hint: 'Check the room on that disk and its health, or give --out a path on another one.',
      cause: error,
    });
  } finally {
    closeSync(file);
  }
}

/** The one place that shows a secret: alone on stdout, as `apiKey` in JSON, or not at all when the file that was named holds it. */
export function showSecret(call: Call, verb: 'Created' | 'Rotated', key: KeyView, apiKey: string, file: string | undefined): void {
  const { out } = call;
  const described = `${verb} ${fullName(key)} (${key.id}), ${key.environment}.`;
  if (out.json) {
    out.show(file === undefined ? { ...keyJson(key), apiKey } : keyJson(key), () => '', NEW_KEY_FIELDS);
    return;
  }
  if (file === undefined) {
    out.note(`${described} This is its secret; it is not shown again:`);
    out.data(apiKey);
  } else {
    out.note(`${described} Its secret is in ${file} (mode 0600).`);
  }
}
