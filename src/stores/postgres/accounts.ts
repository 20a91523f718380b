import type { AccountWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresAccounts = notYet<AccountWrites>();
