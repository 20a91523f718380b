// Installs the peers into a folder of their own, outside keyctl's dependencies, starts them, and stops them again.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from '../server-process.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PACKAGES = ['better-auth@1.7.5', '@better-auth/api-key@1.7.5', 'better-sqlite3@12', 'ioredis@5', 'rate-limiter-flexible'];
const KEYS = 20;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function startRedis(folder) {
  const port = await freePort();
  const data = join(folder, 'redis');
  mkdirSync(data);
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', data, ...durable], { stdio: 'pipe' });
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      if (String(chunk).includes('Ready to accept connections')) resolve();
    });
    child.once('error', () => reject(new Error('The bench needs redis-server (Debian package redis-server).')));
  });
  return { port, child };
}

/** Runs `act` with both peers started; they are stopped when it ends, however it ends. */
export async function withPeers(folder, act) {
  const home = join(folder, 'peers');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, allowScripts: { 'better-sqlite3': true } }));
  execFileSync('npm', ['install', '--legacy-peer-deps', '--no-audit', '--no-fund', ...PACKAGES], { cwd: home, stdio: 'ignore' });
  const redis = await startRedis(home);
  const servers = [];
  try {
    const flexible = await ServerProcess.start([join(HERE, 'rate-limiter-flexible.js'), home, String(redis.port)], /PORT (\d+)/);
    servers.push(flexible);
    const betterAuth = await ServerProcess.start([join(HERE, 'better-auth.js'), home, String(KEYS)], /PORT (\d+)/);
    servers.push(betterAuth);
    const keys = JSON.parse(/KEYS (.*)/.exec(betterAuth.output)[1]);
    return await act({ betterAuth: { server: betterAuth, keys }, redis: { server: flexible } });
  } finally {
    for (const server of servers) await server.stop();
    const ended = once(redis.child, 'exit');
    redis.child.kill('SIGTERM');
    await ended;
  }
}
