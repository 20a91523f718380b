import type { UsageWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresUsage = notYet<UsageWrites>();
