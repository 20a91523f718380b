import { KeyctlError, usageError } from '../domain/error.ts';
import type { KeyStatus } from '../domain/entities.ts';
import { grouped } from '../domain/grouped.ts';
import type { Store } from '../domain/store.ts';
import { describeKeys, type KeyView } from '../operations/describe-keys.ts';
import type { KeyReference } from '../operations/find-key.ts';
import type { Choice } from '../terminal/prompts.ts';
import { missing, readSecret, type Arguments, type Call } from './call.ts';

/** For help texts: how a key is named. */
export const KEY_ARGUMENT = 'an id, a unique name, <account>/<name>, the first 6 or more characters of an id, or - for the secret on stdin';

/** More than anybody scrolls through; who has more names one. */
const MOST_CHOICES = 500;

/** What a key argument says: words, or for `-` the secret itself, read from stdin. */
export async function readKeyReference(call: Call, argument: string): Promise<KeyReference> {
  return argument === '-' ? { kind: 'secret', secret: await readSecret(call) } : { kind: 'words', text: argument };
}

/** The key of a command that takes one; without an argument a person chooses, and elsewhere it is missing (exit 2). */
export async function readKeyOrChoose(
  call: Call,
  store: () => Promise<Store>,
  argument: Arguments[number],
  message: string,
  status?: KeyStatus,
): Promise<KeyReference> {
  if (typeof argument === 'string') return readKeyReference(call, argument);
  const prompts = await call.prompts();
  if (prompts === null) throw missing('<key>', 'say which key is meant');
  return prompts.choose(message, await choices(await store(), status));
}

/** The keys of a command that takes several; without one a person chooses among those of the status. */
export async function readKeysOrChoose(
  call: Call,
  store: () => Promise<Store>,
  argument: Arguments[number],
  message: string,
  status: KeyStatus,
): Promise<readonly KeyReference[]> {
  const words = Array.isArray(argument) ? argument.filter((word) => typeof word === 'string') : [];
  if (words.filter((word) => word === '-').length > 1) throw usageError('- stands for the one secret on stdin; give it once.');
  if (words.length > 0) return Promise.all(words.map((word) => readKeyReference(call, word)));
  const prompts = await call.prompts();
  if (prompts === null) throw missing('<key>', 'say which keys are meant');
  return prompts.chooseSome(message, await choices(await store(), status));
}

async function choices(store: Store, status: KeyStatus | undefined): Promise<readonly Choice<KeyReference>[]> {
  const keys = await store.read(async (tx, now) => {
    const page = await tx.keys.page({ now, status: status ?? 'not-deleted' }, { after: 0, limit: MOST_CHOICES });
    return describeKeys(tx, page, now);
  });
  if (keys.length === 0) {
    const kind = status === undefined ? '' : ` ${status}`;
    throw new KeyctlError('not_found', `There is no${kind} key to choose from.`, { hint: 'See: keyctl list --status all' });
  }
  const width = Math.max(...keys.map((key) => fullName(key).length));
  return keys.map((key) => ({ label: labelOf(key, width), value: { kind: 'words', text: key.id } }));
}

function labelOf(key: KeyView, width: number): string {
  const { requests, credits } = key.today;
  const today = requests === 0 ? 'nothing today' : `${grouped(requests)} requests, ${grouped(credits)} credits today`;
  return `${fullName(key).padEnd(width)}  ${key.environment}  ${today}`;
}

/** `<account>/<name>`, which names a live key. */
export function fullName(key: KeyView): string {
  return `${key.account}/${key.name}`;
}
