import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../read-traffic.test.ts');
