import { KeyctlError } from '../../domain/error.ts';
import type { CommandModule } from '../call.ts';

// Placeholder, to be replaced in this session.
export const command: CommandModule = {
  configure: () => undefined,
  run: () => Promise.reject(new KeyctlError('failed', 'Not built yet.')),
};
