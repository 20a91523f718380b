import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../reset-clock.test.ts');
