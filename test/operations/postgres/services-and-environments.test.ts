import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../services-and-environments.test.ts');
