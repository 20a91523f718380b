import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../cap-and-clock.test.ts');
