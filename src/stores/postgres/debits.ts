import type { DebitWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresDebits = notYet<DebitWrites>();
