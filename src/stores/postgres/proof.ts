import type { ProofRows } from '../../domain/proof.ts';
import { notYet } from './not-yet.ts';

export const PostgresProof = notYet<ProofRows>();
