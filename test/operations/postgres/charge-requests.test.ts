import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../charge-requests.test.ts');
