import type { ConfigWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresConfig = notYet<ConfigWrites>();
