import { temporaryDatabase } from '../../postgres/database.ts';
import { clustersElsewhere } from '../cluster.ts';

clustersElsewhere(temporaryDatabase);
await import('../idempotency.test.ts');
