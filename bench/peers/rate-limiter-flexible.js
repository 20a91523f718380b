// rate-limiter-flexible on a Redis that syncs every write, behind node:http: one point of a daily quota a request. Prints its port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, redisPort] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(join(folder, 'package.json'));
const { default: Redis } = require('ioredis');
const { RateLimiterRedis } = require('rate-limiter-flexible');

const redis = new Redis({ host: '127.0.0.1', port: redisPort });
const limiter = new RateLimiterRedis({ storeClient: redis, points: 1_000_000_000, duration: 86_400 });
const server = createServer((request, response) => {
  limiter.consume(String(request.headers['x-api-key'])).then(
    () => response.writeHead(200).end(),
    () => response.writeHead(429).end(),
  );
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`PORT ${String(server.address().port)}\n`));
process.once('SIGTERM', () => process.exit(0));
