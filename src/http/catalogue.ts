import type { Service } from '../domain/entities.ts';
import { isName } from '../domain/names.ts';
import type { KeyForms } from '../domain/presented-key.ts';
import type { Store } from '../domain/store.ts';
import { keyForms } from '../operations/key-forms.ts';

/** What the server remembers of the store between two refreshes. No verdict of admission rests on it. */
export interface Catalogue extends KeyForms {
  readonly services: ReadonlyMap<string, Service>;
  /** From an environment's name or code to its name. */
  readonly environments: ReadonlyMap<string, string>;
}

export function readCatalogue(store: Store): Promise<Catalogue> {
  return store.read(async (tx) => {
    const forms = await keyForms(tx);
    const services = new Map((await tx.catalogue.services()).map((service) => [service.name, service]));
    const known = await tx.catalogue.environments();
    // Names come last, so that a code that is spelled like another environment's name does not hide it.
    const environments = new Map([
      ...known.map(({ code, name }) => [code, name] as const),
      ...known.map(({ name }) => [name, name] as const),
    ]);
    return { ...forms, services, environments };
  });
}

/** No key is for this environment, so that demands which no key can meet are denied as any other mismatch. */
const NO_ENVIRONMENT = '';

/**
 * The one environment to insist on when the server and the question may each name one, by name or code; null for any.
 * A name that is unknown here passes through, since it may be new; what cannot be a name is the one of no key.
 */
export function insistedEnvironment(catalogue: Catalogue, server: string | null, question: string | null): string | null {
  const [ours, theirs] = [server, question].map((text) =>
    text === null ? null : (catalogue.environments.get(text) ?? (isName(text) ? text : NO_ENVIRONMENT)),
  );
  if (ours !== null && ours !== undefined && theirs !== null && theirs !== undefined && ours !== theirs) return NO_ENVIRONMENT;
  return ours ?? theirs ?? null;
}
