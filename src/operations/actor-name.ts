import type { Actor } from '../domain/store.ts';

/** The one name that stands for whoever did it: as claimed, else who ran sudo, else the user of the operating system. */
export function actorName({ claimed, sudoUser, osUser }: Actor): string {
  return claimed ?? sudoUser ?? osUser;
}
