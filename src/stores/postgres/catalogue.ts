import type { CatalogueWrites } from '../../domain/store.ts';
import { notYet } from './not-yet.ts';

export const PostgresCatalogue = notYet<CatalogueWrites>();
