import type { Ref } from '../../domain/entities.ts';
import { IDENTITY_COLUMNS, IdentityRows, type Identity as Found, type IdentityRow } from '../identity-rows.ts';
import type { Connection } from './connection.ts';
import { VISIBLE_KEYS } from './hidden.ts';
import type { Statement } from './statements.ts';

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

/** Finds keys by the digests of their secrets, or by their refs. */
export class Identities {
  readonly #connection: Connection;
  readonly #rows = new IdentityRows();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async byDigests(digests: readonly string[]): Promise<readonly Identity[]> {
    const hex = `{${digests.map((digest) => `"\\\\x${digest}"`).join()}}`;
    return this.#grouped((await this.#ask({ text: BY_DIGEST, values: [hex], name: 'keys_by_digest' })) as Columns[]);
  }

  async byRefs(refs: readonly Ref[]): Promise<readonly Identity[]> {
    return this.#grouped((await this.#ask({ text: BY_REF, values: [refs], name: 'keys_by_ref' })) as Columns[]);
  }

  async #ask(statement: Statement): Promise<readonly (readonly unknown[])[]> {
    const [answer] = await this.#connection.together([statement]);
    return answer?.rows ?? [];
  }

  forget(): void {
    this.#rows.forget();
  }

  #grouped(rows: readonly Columns[]): readonly Identity[] {
    const byKey = new Map<Ref, [Columns, ...Columns[]]>();
    for (const row of rows) {
      const known = byKey.get(row[0]);
      if (known === undefined) byKey.set(row[0], [row]);
      else known.push(row);
    }
    return [...byKey.values()].map((ofKey) => ({ ...this.#rows.identity(ofKey[0], ofKey), digest: ofKey[0][22] }));
  }
}
