import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './programs.ts';
import { listens, recipeFile, type Proxy, type RunningProxy, type Site } from './proxy.ts';
import { start } from './running.ts';

/** nginx with its three parts byte for byte, where the recipe's site.conf looks for them, and that site.conf with other addresses. */
export const NGINX: Proxy = {
  program: 'nginx',
  counterpart: ['--nginx', '--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'],
  start: startNginx,
};

function startNginx(site: Site): Promise<RunningProxy> {
  const parts = ['keyctl-server.conf', 'keyctl-location.conf', 'keyctl-free.conf'];
  return startSites(site.folder, parts, `${siteWithAddresses(site)}\n${trickySite(site)}`, [site.port, site.trickyPort]);
}

/** nginx with the recipe for several nodes: its parts and its site byte for byte, but for the addresses. */
export function startNginxBefore(nodes: readonly [number, number], { folder, port, apiPort }: OwnPlaces): Promise<RunningProxy> {
  const site = recipeFile('nginx/site-nodes.conf', [
    ['server 10.0.0.11:8080 ', `server 127.0.0.1:${String(nodes[0])} `],
    ['server 10.0.0.12:8080 ', `server 127.0.0.1:${String(nodes[1])} `],
    ...ownAddresses({ folder, port, apiPort }),
  ]);
  return startSites(folder, ['keyctl-server-nodes.conf', 'keyctl-location.conf'], site, [port]);
}

/** Starts it with what the sites include, and resolves when it listens on the ports. */
async function startSites(folder: string, parts: readonly string[], sites: string, ports: readonly number[]): Promise<RunningProxy> {
  for (const name of ['conf.d', 'snippets', 'temporary']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'conf.d', 'keyctl.conf'), recipeFile('nginx/keyctl.conf'));
  for (const name of parts) writeFileSync(join(folder, 'snippets', name), recipeFile(`nginx/${name}`));
  writeFileSync(join(folder, 'site.conf'), sites);
  writeFileSync(join(folder, 'nginx.conf'), mainFile(folder));
  const running = start(programPath('nginx'), ['-p', folder, '-c', join(folder, 'nginx.conf')], {});
  await listens(running, ports);
  return {
    process: running,
    accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
    errorLog: () => readFileSync(join(folder, 'error.log'), 'utf8'),
  };
}

function siteWithAddresses(site: Site): string {
  const keyctl = ['server 127.0.0.1:8080 ', `server 127.0.0.1:${String(site.keyctlPort)} `] as const;
  return recipeFile('nginx/site.conf', [keyctl, ...ownAddresses(site)]);
}

type OwnPlaces = Pick<Site, 'folder' | 'port' | 'apiPort'>;

const ownAddresses = ({ folder, port, apiPort }: OwnPlaces): readonly (readonly [string, string])[] => [
  ['server 127.0.0.1:3000;', `server 127.0.0.1:${String(apiPort)};`],
  ['listen 80;', `listen 127.0.0.1:${String(port)};`],
  ['/var/log/nginx/api.log', join(folder, 'access.log')],
];

/** Sites differ. This one has a maintenance page for every failure, retries, and error pages that lead to other protected locations. */
const trickySite = ({ trickyPort, apiPort, brokenPort }: Site): string => `
upstream flaky {
  server 127.0.0.1:${String(brokenPort)} max_fails=0;
  server 127.0.0.1:${String(apiPort)} max_fails=0;
}
server {
  listen 127.0.0.1:${String(trickyPort)};
  access_log off;
  error_page 500 502 503 504 =200 /sorry;
  error_page 403 =200 /sorry;
  include snippets/keyctl-server.conf;
  location = /sorry { return 200 "sorry"; }
  location /open/ { proxy_pass http://127.0.0.1:1/; }
  location /retried/ { include snippets/keyctl-location.conf; proxy_pass http://flaky; }
  location /missing/ {
    include snippets/keyctl-location.conf;
    proxy_intercept_errors on;
    error_page 404 = /fallback/page;
    proxy_pass http://api;
  }
  location /elsewhere/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /fallback/ { include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /dear/ { set $keyctl_service dear; include snippets/keyctl-location.conf; proxy_pass http://api; }
  location /walled/ { deny all; include snippets/keyctl-location.conf; proxy_pass http://api; }
}
`;

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
