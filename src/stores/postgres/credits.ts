import type { CreditWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export type PostgresCredits = CreditWrites;
export const PostgresCredits = notYet<CreditWrites>();
