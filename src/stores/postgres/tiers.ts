import type { TierWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresTiers = notYet<TierWrites>();
