import { clustersElsewhere } from '../../e2e/cluster.ts';
import { temporaryDatabase } from '../../postgres/database.ts';

clustersElsewhere(temporaryDatabase);
await import('../races.test.ts');
