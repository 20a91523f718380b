import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './programs.ts';
import { listens, recipeFile, type Proxy, type RunningProxy, type Site } from './proxy.ts';
import { start } from './running.ts';

/** HAProxy with the recipe's keyctl.lua byte for byte, and its keyctl.cfg and site.cfg with other addresses. */
export const HAPROXY: Proxy = {
  program: 'haproxy',
  counterpart: ['--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'],
  start: (site) => startHaproxy(site, recipeFile('haproxy/keyctl.lua', [['abns@keyctl', questionSocket(site)]])),
};

/** The same, but with another Lua in the place of the recipe's. */
export function haproxyWith(lua: string): Proxy {
  return { ...HAPROXY, start: (site) => startHaproxy(site, lua) };
}

async function startHaproxy(site: Site, lua: string): Promise<RunningProxy> {
  const { folder, port, trickyPort } = site;
  const own = join(folder, 'keyctl.cfg');
  const others = join(folder, 'haproxy.cfg');
  writeFileSync(join(folder, 'keyctl.lua'), lua);
  writeFileSync(join(folder, 'sorry.http'), 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry');
  writeFileSync(own, questionWithAddresses(site));
  writeFileSync(others, `${siteWithAddresses(site)}\n${trickySite(site)}`);
  const running = start(programPath('haproxy'), ['-db', '-f', own, '-f', others], {});
  await listens(running, [port, trickyPort]);
  return { process: running, accessLog: () => running.output(), errorLog: () => running.output() };
}

/** Sockets without a file are shared by the whole host, and tests run side by side. */
const questionSocket = ({ port }: Site): string => `abns@keyctl-${String(port)}`;

function questionWithAddresses(site: Site): string {
  return recipeFile('haproxy/keyctl.cfg', [
    ['/etc/haproxy/keyctl.lua', join(site.folder, 'keyctl.lua')],
    ['bind abns@keyctl', `bind ${questionSocket(site)}`],
    ['127.0.0.1:8080', `127.0.0.1:${String(site.keyctlPort)}`],
  ]);
}

function siteWithAddresses({ port, apiPort }: Site): string {
  return recipeFile('haproxy/site.cfg', [
    ['log /dev/log local0', 'log stdout format raw local0'],
    ['    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n', ''],
    ['bind :80\n', `bind 127.0.0.1:${String(port)}\n`],
    ['backend api from keyctl\n    server api 127.0.0.1:3000', `backend api from keyctl\n    server api 127.0.0.1:${String(apiPort)}`],
    [
      'backend free from keyctl-free\n    server api 127.0.0.1:3000',
      `backend free from keyctl-free\n    server api 127.0.0.1:${String(apiPort)}`,
    ],
  ]);
}

/** Sites differ. This one has a maintenance page for every failure, retries, and a wall. */
const trickySite = ({ folder, trickyPort, apiPort, brokenPort }: Site): string => `
frontend tricky from site
    bind 127.0.0.1:${String(trickyPort)}
    errorfile 503 ${join(folder, 'sorry.http')}
    http-request set-var(txn.keyctl_service) str(dear) if { path_beg /dear/ }
    http-request deny if { path_beg /walled/ }
    use_backend retried if { path_beg /retried/ }
    use_backend nowhere if { path_beg /open/ }
    default_backend tricky
backend tricky from keyctl
    errorfile 503 ${join(folder, 'sorry.http')}
    server api 127.0.0.1:${String(apiPort)}
backend retried from keyctl
    balance roundrobin
    option redispatch 1
    retry-on all-retryable-errors
    server broken 127.0.0.1:${String(brokenPort)}
    server api 127.0.0.1:${String(apiPort)}
backend nowhere from site
    retries 0
    errorfile 503 ${join(folder, 'sorry.http')}
    server nowhere 127.0.0.1:1
`;
