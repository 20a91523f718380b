import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../simulate-requests.test.ts');
