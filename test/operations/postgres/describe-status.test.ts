import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../describe-status.test.ts');
