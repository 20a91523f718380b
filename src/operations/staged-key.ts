import type { ImportedAccount } from '../domain/imports.ts';
import type { Instant } from '../domain/utc-day.ts';
import type { KeyLine } from './import-line.ts';

/** What is kept of a checked line until it is imported, as JSON. Nothing in it is a secret. */
export type Staged = StagedAccount | StagedKey;

export interface StagedAccount {
  readonly kind: 'account';
  /** The account that is made; its tiers follow from `tier` unless an export has told them. */
  readonly account: Omit<ImportedAccount, 'tiers'>;
  readonly tiers: ImportedAccount['tiers'] | null;
  readonly tier: string;
}

export interface StagedKey extends Pick<
  KeyLine,
  'environment' | 'digest' | 'mask' | 'note' | 'expiresAt' | 'services' | 'allowedIps' | 'dailyCap'
> {
  readonly kind: 'key';
  readonly id: string;
  /** The name of its account, which exists or has been staged before it. */
  readonly account: string;
  readonly name: string;
  /** Null for the instant of the import. */
  readonly createdAt: Instant | null;
  readonly disabledAt: Instant | null;
  readonly disabledReason: string | null;
  readonly rotatedFrom: string | null;
  readonly rotatedTo: string | null;
  /** The key whose cap it shares. */
  readonly capOf: string | null;
}
