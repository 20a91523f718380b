// better-auth with its api-key plugin on better-sqlite3, under the durability that keyctl promises. Run from a folder where the peer is
// installed; prints its port and, as JSON, the keys it made.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, keys] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(join(folder, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { betterAuth } = await load('better-auth');
const { getMigrations } = await load('better-auth/db/migration');
const { apiKey } = await load('@better-auth/api-key');
const { default: Database } = await load('better-sqlite3');

const database = new Database(join(folder, `peer-${String(process.pid)}.db`));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
const auth = betterAuth({
  database,
  secret: 'a secret of the bench, thirty-two characters long',
  baseURL: 'http://127.0.0.1',
  emailAndPassword: { enabled: true },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
  telemetry: { enabled: false },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
const { user } = await auth.api.signUpEmail({ body: { email: 'bench@example.com', password: 'correct horse battery', name: 'bench' } });
const made = [];
for (let index = 0; index < keys; index += 1) {
  const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: `key-${String(index)}`, remaining: 1_000_000_000 } });
  made.push(key);
}

const server = createServer((request, response) => {
  auth.api.verifyApiKey({ body: { key: String(request.headers['x-api-key']) } }).then(
    ({ valid }) => response.writeHead(valid ? 200 : 401).end(),
    () => response.writeHead(500).end(),
  );
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`KEYS ${JSON.stringify(made)}\nPORT ${String(server.address().port)}\n`));
process.once('SIGTERM', () => process.exit(0));
