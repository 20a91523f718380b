import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../grace-traffic.test.ts');
