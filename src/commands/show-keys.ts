import { KEY_FIELDS, keyJson, type KeyView } from '../operations/describe-keys.ts';
import type { Output } from '../terminal/output.ts';
import { fullName } from './key-argument.ts';

/** How a sentence names a key: what a person calls it, and the id that stays. */
export function called(key: KeyView): string {
  return `${fullName(key)} (${key.id})`;
}

/** What a command did to one key: the key in JSON, a sentence otherwise. */
export function showKey(out: Output, key: KeyView, sentence: string): void {
  out.show(keyJson(key), () => sentence, KEY_FIELDS);
}

/** What a command did to several keys: an array in JSON, a sentence each otherwise. */
export function showKeys(out: Output, keys: readonly { readonly key: KeyView; readonly sentence: string }[]): void {
  if (!out.json) {
    for (const { sentence } of keys) out.data(sentence);
    return;
  }
  out.checkFields(KEY_FIELDS);
  out.data(out.jsonText(keys.map(({ key }) => out.select(keyJson(key)))));
}
