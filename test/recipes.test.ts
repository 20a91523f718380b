import { describe, expect, test } from '@jest/globals';
import { VERDICT_MESSAGE, VERDICT_STATUS } from '../src/domain/verdict.ts';
import { page } from './markdown.ts';
import { IDENTITY_HEADER_NAMES } from './verdict-header-names.ts';

// What the recipes repeat of the program stays what the program says. The tests in system/ run them.

/** The entries of an nginx map: `"text"` or a bare word for each name. */
function mapOf(text: string, variable: string): Record<string, string> {
  const [, body = ''] = new RegExp(String.raw`^map \S+ \$${variable} \{\n(.*?)^\}`, 'ms').exec(text) ?? [];
  return Object.fromEntries([...body.matchAll(/^\s+(\S+)\s+"?(.*?)"?;$/gm)].map(([, name = '', value = '']) => [name, value]));
}

describe('recipes/nginx', () => {
  const http = page('recipes/nginx/keyctl.conf');
  const server = page('recipes/nginx/keyctl-server.conf');
  const location = page('recipes/nginx/keyctl-location.conf');
  const free = page('recipes/nginx/keyctl-free.conf');

  test('has the sentence of every denial', () => {
    const { default: other, ...sentences } = mapOf(http, 'keyctl_detail');
    const { ok: _, ...denials } = VERDICT_MESSAGE;
    expect(sentences).toEqual(denials);
    expect(other).toMatch(/\.$/);
  });

  test('turns every status of a denial back into itself', () => {
    const { ok: _, ...denials } = VERDICT_STATUS;
    for (const status of new Set(Object.values(denials))) {
      expect(Object.keys(mapOf(http, 'keyctl_title'))).toContain(String(status));
      expect(server).toContain(`return ${String(status)} $keyctl_problem;`);
    }
  });

  test('takes every header that a verdict has from keyctl, and the client has none of them', () => {
    for (const header of IDENTITY_HEADER_NAMES) {
      const variable = header.toLowerCase().replaceAll('-', '_');
      const captured = new RegExp(String.raw`^auth_request_set (\$\w+) \$upstream_http_${variable};$`, 'm').exec(location)?.[1];
      expect(captured).toBeDefined();
      expect(location).toContain(`proxy_set_header ${header} ${String(captured)};`);
    }
    expect(location).toContain('proxy_set_header X-Request-Id $request_id;');
    expect(server).toContain('proxy_set_header X-Request-Id $request_id;');
  });

  test('takes all of them away where it is free, and says the same of where a request came from', () => {
    for (const header of ['X-API-Key', ...IDENTITY_HEADER_NAMES.filter((name) => name !== 'X-Request-Id')])
      expect(free).toContain(`proxy_set_header ${header} "";`);
    const [, cameFrom = ''] = /(# Where the request came from.*?)\n\n/s.exec(location) ?? [];
    expect(free).toContain(cameFrom);
    expect(cameFrom).toContain('proxy_set_header X-Forwarded-For $remote_addr;');
    expect(free).not.toContain('auth_request');
  });

  test('differs for several nodes only in what happens when one gives no answer', () => {
    const lines = (text: string): readonly string[] =>
      text.split('\n').filter((line) => !/^ *#/.test(line) && !line.includes('proxy_next_upstream'));
    const nodes = page('recipes/nginx/keyctl-server-nodes.conf');
    expect(lines(nodes)).toEqual(lines(server));
    expect(server.match(/^ +proxy_next_upstream.*$/gm)).toEqual(['    proxy_next_upstream off;']);
    // An answer of keyctl, whatever its status, must not be asked for again.
    expect(nodes.match(/^ +proxy_next_upstream .*$/gm)).toEqual(['    proxy_next_upstream error timeout;']);
    expect(page('recipes/nginx/site-nodes.conf')).toContain('include snippets/keyctl-server-nodes.conf;');
  });

  test('asks once for each location, and never for a whole server', () => {
    expect(location.match(/^auth_request /gm)).toHaveLength(1);
    for (const text of [http, server, page('recipes/nginx/site.conf')]) expect(text).not.toMatch(/^\s*auth_request\s/m);
  });
});

describe('recipes/caddy', () => {
  const snippets = page('recipes/caddy/keyctl.caddy');

  test('has the sentence of every denial', () => {
    const [, body = ''] = /\{keyctl_detail\} \{\n(.*?)^\t\}/ms.exec(snippets) ?? [];
    const { default: other, ...sentences } = Object.fromEntries(
      [...body.matchAll(/^\t+(\w+) "(.*)"$/gm)].map(([, code = '', sentence]) => [code, sentence]),
    );
    const { ok: _, ...denials } = VERDICT_MESSAGE;
    expect(sentences).toEqual(denials);
    expect(other).toMatch(/\.$/);
  });

  test('tells the API every header about who asks, in the words of keyctl', () => {
    for (const header of IDENTITY_HEADER_NAMES)
      expect(snippets).toContain(`request_header ${header} {http.reverse_proxy.header.${header}}\n`);
  });

  test('keeps the same out of both of its logs', () => {
    const filter = (text: string): string => /format filter \{.*?\n\t+\}\n\t+\}/s.exec(text)?.[0].replaceAll(/\s+/g, ' ') ?? text;
    const own = filter(page('recipes/caddy/Caddyfile'));
    expect(own).toContain('request>headers delete');
    expect(filter(snippets).replace('resp_headers delete ', '')).toBe(own);
  });
});

describe('recipes/haproxy', () => {
  const config = page('recipes/haproxy/keyctl.cfg');
  const lua = page('recipes/haproxy/keyctl.lua');

  test('tells the API every header about who asks, in the words of keyctl', () => {
    for (const header of IDENTITY_HEADER_NAMES) {
      const name = header.toLowerCase();
      const variable = name === 'x-keyctl-code' ? 'keyctl_code' : `keyctl_${name.replaceAll('-', '_')}`;
      expect(config).toContain(`http-request set-header ${header} %[var(txn.${variable})] unless METH_OPTIONS\n`);
      expect(lua).toContain(`"${name}"`);
    }
  });

  test('asks once, and admits by nothing but the verdict', () => {
    expect(config.match(/lua\.keyctl/g)).toHaveLength(1);
    expect(config).toMatch(/http-request return status 503 .* unless METH_OPTIONS or \{ var\(txn\.keyctl_code\) -m str ok \}\n/);
    expect(lua.match(/txn:set_var\("txn\.keyctl_code"/g)).toHaveLength(1);
  });
});

test('recipes/systemd resets at 00:00 UTC and makes up for a night that was missed', () => {
  const timer = page('recipes/systemd/keyctl-reset.timer').split('\n');
  expect(timer).toEqual(expect.arrayContaining(['OnCalendar=*-*-* 00:00:00 UTC', 'Persistent=true', 'AccuracySec=1s']));
});
