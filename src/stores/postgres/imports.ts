import type { ImportWrites } from '../../domain/imports.ts';
import { notYet } from './not-yet.ts';

export const PostgresImports = notYet<ImportWrites>();
