import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programPath } from './programs.ts';
import { eventually, start, type Running } from './running.ts';

const RECIPE = fileURLToPath(new URL('../../recipes/nginx/', import.meta.url));

export interface Site {
  /** An empty folder for its files. */
  readonly folder: string;
  readonly port: number;
  readonly keyctlPort: number;
  readonly apiPort: number;
  /** More of http { }, beside the recipe's site. */
  readonly more: string;
}

export interface RunningNginx {
  readonly process: Running;
  accessLog(): string;
  errorLog(): string;
}

/**
 * Starts the real nginx with the recipe: its three parts byte for byte, where its site.conf looks for them, and that
 * site.conf with other addresses. Resolves when it listens.
 */
export async function startNginx(site: Site): Promise<RunningNginx> {
  const { folder, port } = site;
  for (const name of ['conf.d', 'snippets', 'temporary']) mkdirSync(join(folder, name));
  copyFileSync(join(RECIPE, 'keyctl.conf'), join(folder, 'conf.d', 'keyctl.conf'));
  for (const name of ['keyctl-server.conf', 'keyctl-location.conf']) copyFileSync(join(RECIPE, name), join(folder, 'snippets', name));
  writeFileSync(join(folder, 'site.conf'), `${siteWithAddresses(site)}\n${site.more}`);
  writeFileSync(join(folder, 'nginx.conf'), mainFile(folder));
  const running = start(programPath('nginx'), ['-p', folder, '-c', join(folder, 'nginx.conf')], {});
  const listening = eventually(() => reachable(port));
  // Whichever is first: it listens, or it ended and says why.
  await Promise.race([listening, running.said(/\[emerg\]/).then(() => Promise.reject(new Error(running.output())))]);
  return {
    process: running,
    accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
    errorLog: () => readFileSync(join(folder, 'error.log'), 'utf8'),
  };
}

function siteWithAddresses({ folder, port, keyctlPort, apiPort }: Site): string {
  const changes = [
    ['server 127.0.0.1:8080 ', `server 127.0.0.1:${String(keyctlPort)} `],
    ['server 127.0.0.1:3000;', `server 127.0.0.1:${String(apiPort)};`],
    ['listen 80;', `listen 127.0.0.1:${String(port)};`],
    ['/var/log/nginx/api.log', join(folder, 'access.log')],
  ] as const;
  return changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) throw new Error(`site.conf should have ${from} once`);
      return text.replace(from, to);
    },
    readFileSync(join(RECIPE, 'site.conf'), 'utf8'),
  );
}

/** What Debian's nginx.conf is to its sites, in a folder of ours and without a daemon. */
function mainFile(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} notice;
error_log stderr emerg;
events { worker_connections 256; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${join(folder, 'temporary', name)};`).join('\n  ')}
  include conf.d/*.conf;
  include site.conf;
}
`;
}

function reachable(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
