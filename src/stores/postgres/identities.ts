import type { Ref } from '../../domain/entities.ts';
import { IDENTITY_COLUMNS, IdentityRows, type Identity as Found, type IdentityRow } from '../identity-rows.ts';
import { VISIBLE_KEYS } from './hidden.ts';
import type { Answer, Statement } from './statements.ts';

/** An identity, with what it was looked for by. */
export interface Identity extends Found {
  /** SHA-256 of the secret, in hex. */
  readonly digest: string;
}

const SELECT = `SELECT ${IDENTITY_COLUMNS}, encode(digest, 'hex')
  FROM keys JOIN accounts ON accounts.ref = keys.account_ref JOIN account_tiers ON account_tiers.account_ref = accounts.ref`;
const BY_DIGEST = `${SELECT} WHERE digest = ANY($1::bytea[]) AND ${VISIBLE_KEYS} ORDER BY keys.ref, from_day`;
const BY_REF = `${SELECT} WHERE keys.ref = ANY($1::bigint[]) ORDER BY keys.ref, from_day`;

type Columns = [...IdentityRow, digest: string];

/** Asks for keys by the digests of their secrets. */
export function askByDigests(digests: readonly string[]): Statement {
  const hex = `{${digests.map((digest) => `"\\\\x${digest}"`).join()}}`;
  return { text: BY_DIGEST, values: [hex], name: 'keys_by_digest' };
}

export function askByRefs(refs: readonly Ref[]): Statement {
  return { text: BY_REF, values: [refs], name: 'keys_by_ref' };
}

/** Makes identities of what was answered. */
export class Identities {
  readonly #rows = new IdentityRows();

  forget(): void {
    this.#rows.forget();
  }

  in(answer: Answer | undefined): readonly Identity[] {
    const rows = (answer?.rows ?? []) as readonly Columns[];
    const byKey = new Map<Ref, [Columns, ...Columns[]]>();
    for (const row of rows) {
      const known = byKey.get(row[0]);
      if (known === undefined) byKey.set(row[0], [row]);
      else known.push(row);
    }
    return [...byKey.values()].map((ofKey) => ({ ...this.#rows.identity(ofKey[0], ofKey), digest: ofKey[0][22] }));
  }
}
