import type { Store } from '../domain/store.ts';
import type { Call, StoreMode } from './call.ts';

/** Opens the store when it is first needed, and only once: a usage error comes before a missing store. */
export function lazyStore(call: Call, mode: StoreMode): () => Promise<Store> {
  let opened: Promise<Store> | undefined;
  return () => (opened ??= call.openStore(mode));
}
