import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../audit.test.ts');
