import { KeyctlError } from '../domain/error.ts';
import type { AuditFilter, ReadTransaction, Store } from '../domain/store.ts';
import type { NumberedEntry } from './describe-audit.ts';
import { findKey } from './find-key.ts';

const PAGE = 500;

/** What an audit entry may be about: words, or a key given by its secret. */
export type AuditTarget = { readonly kind: 'words'; readonly text: string } | { readonly kind: 'secret'; readonly secret: string };

/**
 * The ids and names that a target stands for. An entry holds the name of its time, so that a name that something has now also stands for
 * its id: what was done before it was renamed is found as well. Throws `not_found` for a secret of no key.
 */
export async function auditTargets(tx: ReadTransaction, target: AuditTarget): Promise<readonly string[]> {
  if (target.kind === 'secret') return [(await findKey(tx, target)).id];
  const { text } = target;
  const account = await tx.accounts.byName(text);
  const slash = text.indexOf('/');
  const owner = slash === -1 ? null : await tx.accounts.byName(text.slice(0, slash));
  const name = text.slice(slash + 1).normalize('NFC');
  const keys = slash !== -1 && owner === null ? [] : await tx.keys.liveByName(name, owner?.ref ?? null);
  return [text, ...(account === null ? [] : [account.id]), ...keys.map((key) => key.id)];
}

/** The trail, newest first, at most `most` entries, page by page. */
export async function* readAudit(store: Store, filter: AuditFilter, most: number): AsyncGenerator<NumberedEntry> {
  let before: number | null = null;
  let left = most;
  while (left > 0) {
    const limit = Math.min(PAGE, left);
    const page: readonly NumberedEntry[] = await pageBefore(store, filter, before, limit);
    yield* page;
    before = page.at(-1)?.number ?? null;
    left -= limit;
    if (page.length < limit) return;
  }
}

function pageBefore(store: Store, filter: AuditFilter, before: number | null, limit: number): Promise<readonly NumberedEntry[]> {
  return store.read((tx) => tx.audit.page(filter, before, limit));
}

/**
 * Entries as they come, oldest first: those of the last `past` first, or, where the filter has a beginning, everything from there on.
 * `pause` waits before the store is asked again, and answers false when it is time to stop. Throws `conflict` when the trail does not
 * reach to the number that the filter begins after: it is not the one that was followed before.
 */
export async function* followAudit(
  store: Store,
  filter: AuditFilter,
  past: number,
  pause: () => Promise<boolean>,
): AsyncGenerator<NumberedEntry> {
  let after = await store.read((tx) => startAfter(tx, filter, past));
  do {
    for (;;) {
      const cursor: number = after;
      const page = await store.read((tx) => tx.audit.since(filter, cursor, PAGE));
      yield* page;
      after = page.at(-1)?.number ?? after;
      if (page.length < PAGE) break;
    }
  } while (await pause());
}

async function startAfter(tx: ReadTransaction, filter: AuditFilter, past: number): Promise<number> {
  const newest = (await tx.audit.page({}, null, 1))[0]?.number ?? 0;
  if (filter.after !== undefined && filter.after > newest) {
    throw new KeyctlError('conflict', `The trail ends with entry ${String(newest)}, before the one that was to be followed.`, {
      hint: 'This is another store, or an older state of the one that was followed. Compare its last entries: keyctl audit --limit 20',
    });
  }
  if (filter.since !== undefined || filter.after !== undefined) return filter.after ?? 0;
  const shown = past === 0 ? [] : await tx.audit.page(filter, null, past);
  return Math.min(newest, (shown.at(-1)?.number ?? newest + 1) - 1);
}
