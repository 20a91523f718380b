import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './programs.ts';
import { listens, recipeFile, type Proxy, type RunningProxy, type Site } from './proxy.ts';
import { start } from './running.ts';

/** Caddy with the recipe's keyctl.caddy byte for byte, and its Caddyfile with other addresses. */
export const CADDY: Proxy = {
  program: 'caddy',
  counterpart: ['--request-id-header', 'X-Request-Id', '--trust-proxy', '127.0.0.1/32', '--environment', 'production'],
  start: (site) => startCaddy(site, (caddyfile) => caddyfile),
};

/** The same, but its site says nothing about errors. */
export const CADDY_WITHOUT_ERRORS: Proxy = {
  ...CADDY,
  start: (site) => startCaddy(site, (caddyfile) => caddyfile.replace(/\n\thandle_errors \{\n.*?\n\t\}\n/s, '\n')),
};

async function startCaddy(site: Site, edited: (caddyfile: string) => string): Promise<RunningProxy> {
  const { folder, port, trickyPort } = site;
  const caddyfile = join(folder, 'Caddyfile');
  const accessLog = join(folder, 'access.log');
  writeFileSync(join(folder, 'keyctl.caddy'), recipeFile('caddy/keyctl.caddy'));
  writeFileSync(join(folder, 'tricky.caddy'), trickySite(site));
  writeFileSync(caddyfile, `${edited(siteWithAddresses(site, accessLog))}\nimport tricky.caddy\n`);
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, CADDY_ADMIN: `unix/${join(folder, 'admin.sock')}` };
  const running = start(programPath('caddy'), ['run', '--config', caddyfile], env);
  await listens(running, [port, trickyPort]);
  return { process: running, accessLog: () => readFileSync(accessLog, 'utf8'), errorLog: () => running.output() };
}

function siteWithAddresses({ port, keyctlPort, apiPort }: Site, accessLog: string): string {
  return recipeFile('caddy/Caddyfile', [
    ['\n\tlog {\n\t\tformat', `\n\tservers 127.0.0.1:${String(port)} {\n\t\tprotocols h1 h2 h2c\n\t}\n\tlog {\n\t\tformat`],
    ['127.0.0.1:8080', `127.0.0.1:${String(keyctlPort)}`],
    ['127.0.0.1:3000', `127.0.0.1:${String(apiPort)}`],
    ['\n:80 {', `\n:${String(port)} {\n\tbind 127.0.0.1`],
    ['/var/log/caddy/api.log', accessLog],
  ]);
}

/** Sites differ. This one has a maintenance page for every failure, retries, and answers of the API that lead to other protected paths. */
const trickySite = ({ trickyPort, apiPort, brokenPort }: Site): string => `
(flaky) {
	reverse_proxy 127.0.0.1:${String(brokenPort)} 127.0.0.1:${String(apiPort)} {
		lb_policy round_robin
		lb_try_duration 5s
	}
}
(led) {
	reverse_proxy 127.0.0.1:${String(apiPort)} {
		@missing status 404
		handle_response @missing {
			error 404
		}
		@elsewhere header X-Accel-Redirect *
		handle_response @elsewhere {
			vars elsewhere {http.reverse_proxy.header.X-Accel-Redirect}
			error 599
		}
	}
}
:${String(trickyPort)} {
	bind 127.0.0.1
	handle /open/* {
		reverse_proxy 127.0.0.1:1
	}
	handle /retried/* {
		import keyctl default flaky
	}
	handle /walled/* {
		route {
			respond 403
			import keyctl default api
		}
	}
	handle /dear/* {
		import keyctl dear api
	}
	handle {
		import keyctl default led
	}
	handle_errors {
		route {
			import keyctl-failed
			@missing expression {http.error.status_code} == 404
			rewrite @missing /fallback/page
			@elsewhere expression {http.error.status_code} == 599
			rewrite @elsewhere {http.vars.elsewhere}
			@dear path /dear/*
			handle @dear {
				import keyctl dear api
			}
			@fallback path /fallback/*
			handle @fallback {
				import keyctl default api
			}
			respond "sorry" 200
		}
	}
}
`;
