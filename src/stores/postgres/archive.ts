import type { ArchiveWrites } from '../../domain/archive.ts';
import { notYet } from './not-yet.ts';

export const PostgresArchive = notYet<ArchiveWrites>();
