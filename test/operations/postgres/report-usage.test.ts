import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../report-usage.test.ts');
