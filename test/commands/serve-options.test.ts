import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Call } from '../../src/commands/call.ts';
import { readServeSettings, type ServeSettings } from '../../src/commands/serve-options.ts';
import { DEFAULT_SERVE_OPTIONS } from '../../src/http/options.ts';
import { Output } from '../../src/terminal/output.ts';
import { ACTOR, NO_SERVICE_VARIABLES, temporaryFolder } from '../harness.ts';

describe('what serve is told', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let warnings = '';

  beforeEach(() => {
    folder = temporaryFolder();
  });

  afterEach(() => {
    folder.cleanUp();
  });

  function settings(options: Record<string, unknown>, env: Record<string, string> = {}): ServeSettings {
    warnings = '';
    const sink = { write: (text: string) => (warnings += text) };
    const refuse = () => Promise.reject(new Error('not here'));
    const call: Call = {
      out: new Output({ stdout: sink, stderr: sink, json: false, fields: null, quiet: false, color: false }),
      actor: ACTOR,
      context: {
        ...{
          env,
          stdin: Readable.from([]),
          clock: () => 0,
          randomBytes: () => new Uint8Array(),
          version: 'test',
          program: 'keyctl',
          interpreter: 'node',
          manual: () => '',
        },
        ...{
          identity: () => ACTOR,
          stopRequested: refuse,
          suspend: refuse,
          serviceVariables: () => NO_SERVICE_VARIABLES,
          nodeRelease: '20.17.0',
        },
      },
      ...{
        storeLocation: refuse,
        startActs: refuse,
        postWebhook: refuse,
        upgradeStore: refuse,
        inspectStore: refuse,
        backupStore: refuse,
        openRestore: refuse,
        openStore: refuse,
        openOther: refuse,
        prompts: () => Promise.resolve(null),
      },
    };
    return readServeSettings(call, options, NO_SERVICE_VARIABLES);
  }

  const refusal = (options: Record<string, unknown>, env?: Record<string, string>) => (): ServeSettings => settings(options, env);

  test('nothing is the defaults', () => {
    expect(settings({})).toEqual({ ...DEFAULT_SERVE_OPTIONS, tokenFile: null });
    expect(settings({}, { KEYCTL_SERVE_PORT: '', KEYCTL_SERVE_TOKEN_FILE: '' })).toEqual({ ...DEFAULT_SERVE_OPTIONS, tokenFile: null });
  });

  test('the environment beats the defaults, and a flag beats the environment', () => {
    const env = {
      ...{ KEYCTL_SERVE_HOST: '::1', KEYCTL_SERVE_PORT: '9000', KEYCTL_SERVE_ENVIRONMENT: 'qa', KEYCTL_SERVE_SERVICE: 'maps' },
      ...{ KEYCTL_SERVE_HEADER: 'X-Key', KEYCTL_SERVE_REQUEST_ID_HEADER: 'X-Request-Id', KEYCTL_SERVE_EXHAUSTED_STATUS: '429' },
      ...{ KEYCTL_SERVE_TRUST_PROXY: '10.0.0.0/8, 192.0.2.1', KEYCTL_SERVE_ALLOW_PEER: '10.0.0.1', KEYCTL_SERVE_NGINX: '1' },
    };
    expect(settings({}, env)).toMatchObject({
      ...{ host: '::1', port: 9_000, environment: 'qa', service: 'maps', header: 'X-Key', requestIdHeader: 'X-Request-Id' },
      ...{ exhaustedStatus: 429, trustProxy: ['10.0.0.0/8', '192.0.2.1'], allowPeer: ['10.0.0.1'], nginx: true },
    });
    expect(settings({ port: '9001', environment: 'production', trustProxy: ['127.0.0.1'] }, env)).toMatchObject({
      ...{ host: '::1', port: 9_001, environment: 'production', trustProxy: ['127.0.0.1'] },
    });
    expect(settings({ nginx: true }, { KEYCTL_SERVE_NGINX: '0' }).nginx).toBe(true);
  });

  test('a variable that is none of its options is warned of, without what it says', () => {
    expect(settings({}, { KEYCTL_SERVE_TOKENFILE: '/run/secret-path', KEYCTL_SERVE_POTR: '1', KEYCTL_DB: 'x' }).port).toBe(8_080);
    expect(warnings.match(/KEYCTL_\w+ is no option of serve/g)).toEqual([
      'KEYCTL_SERVE_TOKENFILE is no option of serve',
      'KEYCTL_SERVE_POTR is no option of serve',
    ]);
    expect(warnings).not.toContain('secret-path');
    const names = ['HOST', 'PORT', 'SOCKET', 'SOCKET_MODE', 'ENVIRONMENT', 'SERVICE', 'HEADER', 'REQUEST_ID_HEADER', 'TRUST_PROXY'];
    for (const name of [...names, 'ALLOW_PEER', 'TOKEN_FILE', 'EXHAUSTED_STATUS', 'NGINX']) {
      settings({}, { [`KEYCTL_SERVE_${name}`]: '' });
      expect(warnings).toBe('');
    }
  });

  test('a socket is for its owner and its group, unless said', () => {
    expect(settings({ socket: '/run/k.sock' }).socket).toEqual({ path: '/run/k.sock', mode: 0o660 });
    expect(settings({ socket: '/run/k.sock', socketMode: '600' }).socket).toEqual({ path: '/run/k.sock', mode: 0o600 });
    expect(settings({ port: '1' }, { KEYCTL_SERVE_SOCKET: '/run/k.sock' }).socket).toBeNull();
    expect(refusal({ socket: '/run/k.sock', port: '80' })).toThrow('--socket');
    expect(refusal({ socketMode: '600' })).toThrow('--socket-mode');
    expect(refusal({ socket: '/run/k.sock', socketMode: '999' })).toThrow('octal');
  });

  test('the token is the file without one newline; an empty one is refused, and one that others can read is warned of', () => {
    const file = join(folder.path, 'token');
    writeFileSync(file, 'tok-123\n', { mode: 0o600 });
    expect(settings({ tokenFile: file })).toMatchObject({ token: 'tok-123', tokenFile: file });
    expect(warnings).toBe('');
    chmodSync(file, 0o644);
    expect(settings({}, { KEYCTL_SERVE_TOKEN_FILE: file }).token).toBe('tok-123');
    expect(warnings).toContain('chmod 600');
    expect(warnings).not.toContain('tok-123');
    for (const empty of ['', '\n', '\r\n']) {
      writeFileSync(file, empty);
      expect(refusal({ tokenFile: file })).toThrow('empty');
    }
    expect(refusal({ tokenFile: join(folder.path, 'nothing') })).toThrow('cannot be read');
  });

  test.each<[Record<string, string>, Record<string, string>]>([
    [{ port: '65536' }, {}],
    [{ port: 'http' }, {}],
    [{}, { KEYCTL_SERVE_PORT: '-1' }],
    [{ exhaustedStatus: '200' }, {}],
    [{}, { KEYCTL_SERVE_NGINX: 'perhaps' }],
  ])('%j with %j is refused', (options, env) => {
    let failure: unknown;
    try {
      settings(options, env);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: 'usage' });
  });
});
