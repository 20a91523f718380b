import type { WriteTransaction } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresAudit = notYet<WriteTransaction['audit']>();
