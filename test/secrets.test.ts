import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { maskApiKey, mintApiKey } from '../src/domain/api-key.ts';
import { page, ROOT } from './markdown.ts';
import { Secrets, keysIn, refuseTold } from './secrets.ts';

// The search that every scan of the suite relies on: it has to find what it looks for, or a clean scan would say nothing.

const secret = mintApiKey('kc', 'prod', randomBytes);
const secrets = new Secrets();
secrets.add(secret);
const piece = secret.slice(15, 27);

describe('a secret is found', () => {
  test.each([
    ['whole', `key=${secret}&x`],
    ['a piece of it', `<${piece}>`],
    ['in a Buffer', Buffer.from(`\0\xff${secret}`, 'latin1')],
    ['in hexadecimal', Buffer.from(`x${secret}`).toString('hex')],
    ['in capitals of it', Buffer.from(piece).toString('hex').toUpperCase()],
    ['in an URL', [...Buffer.from(piece)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join('')],
    ['in UTF-16', Buffer.from(secret, 'utf16le')],
    ['backwards', [...secret].reverse().join('')],
    ['in base64, from its beginning', Buffer.from(secret).toString('base64')],
    ['in base64, one byte further', Buffer.from(`:${secret}`).toString('base64')],
    ['in base64, two bytes further', Buffer.from(`u:${secret}:x`).toString('base64url')],
  ])('%s', (_, told) => {
    const found = secrets.findIn(told);
    expect(found.length).toBeGreaterThan(0);
    expect(secrets.findIn(found.join())).toEqual([]);
  });
});

describe('what is not a secret is not', () => {
  test.each([
    ['its mask', maskApiKey(secret)],
    ['eleven characters', piece.slice(1)],
    ['another key', mintApiKey('kc', 'prod', randomBytes)],
    ['nothing', ''],
    ['noise', gzipSync(randomBytes(50_000))],
  ])('%s', (_, told) => {
    expect(secrets.findIn(told)).toEqual([]);
  });
});

test('a secret of any other form is looked for as well', () => {
  const others = new Secrets();
  others.add('sk-live-0123456789abcdefghij');
  others.add('short-token');
  expect(others.findIn('x sk-live-0123456789abcdefghij')).toEqual(['secret 1, plain']);
  expect(others.findIn('sk-l…ghij')).toEqual([]);
  expect(others.findIn('the short-token')).toEqual(['secret 2, plain']);
});

describe('a run of keyctl', () => {
  const refused = (args: readonly string[], stdout: string, stderr = ''): boolean => {
    try {
      refuseTold(args, stdout, stderr);
      return false;
    } catch (error) {
      expect(keysIn(String(error))).toEqual([]);
      return true;
    }
  };

  test('may show one secret where it belongs', () => {
    expect(refused(['create', '--name', 'a'], `${secret}\n`)).toBe(false);
    expect(refused(['--json', 'rotate', 'a', '--grace', '0'], `{"apiKey":"${secret}"}`)).toBe(false);
    expect(refused(['view', '-'], maskApiKey(secret))).toBe(false);
    expect(refused(['view', '-'], secret.replace(/.$/, '!'))).toBe(false);
  });

  test('may show it nowhere else', () => {
    expect(refused(['view', '-'], `the key ${secret}.`)).toBe(true);
    expect(refused(['create'], `${secret}\n`, `made ${secret}`)).toBe(true);
    expect(refused(['create'], `${secret} ${secret}`)).toBe(true);
    expect(refused(['create', '--out', 'file'], secret)).toBe(true);
  });
});

describe('the sources', () => {
  const ignored = page('.gitignore').trimEnd().split('\n');
  const isIgnored = (path: string): boolean =>
    ignored.some((pattern) => (pattern.startsWith('*') ? path.endsWith(pattern.slice(1)) : `${path}/` === pattern));

  /** The files below a folder of the sources, but for what no clone has. */
  function filesIn(folder: string): readonly string[] {
    return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (isIgnored(path) || path === '.git') return [];
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [path] : [];
    });
  }

  test('are text: no store is among them, nor what else a program may have left behind', () => {
    const files = filesIn('');
    expect(files).toContain('test/secrets.test.ts');
    expect(files.filter((path) => readFileSync(join(ROOT, path)).includes(0))).toEqual([]);
  });
});
