import type { KeyWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresKeys = notYet<KeyWrites>();
