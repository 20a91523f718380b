// A load by autocannon, installed in a folder of its own: prints what the wrk script prints, latencies in microseconds.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, url, file, connections, seconds] = process.argv.slice(2);
const autocannon = createRequire(join(folder, 'package.json'))('autocannon');
const keys = readFileSync(file, 'utf8').trim().split('\n');

const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  requests: [
    {
      setupRequest: (request) => ({
        ...request,
        headers: { ...request.headers, 'X-API-Key': keys[Math.floor(Math.random() * keys.length)] },
      }),
    },
  ],
});
const measured = {
  requests: result.requests.total,
  us: result.duration * 1e6,
  p50: result.latency.p50 * 1_000,
  p99: result.latency.p99 * 1_000,
  errors: result.errors + result.timeouts,
  denied: result.non2xx,
};
process.stdout.write(`JSON ${JSON.stringify(measured)}\n`);
