import type { Staging } from '../../domain/imports.ts';
import { notYet } from './not-yet.ts';

export const PostgresStaging = notYet<Staging>();
