import { describe, expect, test } from '@jest/globals';
import { KeyctlError } from '../../src/domain/error.ts';
import { checkWebhookUrl, mayReceive, shownWebhookUrl } from '../../src/domain/webhook-url.ts';

function refusal(text: string, allowsHttp = false): string {
  try {
    return `taken: ${checkWebhookUrl(text, allowsHttp)}`;
  } catch (error) {
    if (!(error instanceof KeyctlError)) throw error;
    // SECURITY: what was given may be somebody's secret.
    expect(`${error.message} ${error.hint ?? ''}`).not.toContain(text === '' ? '\0' : text);
    return error.message;
  }
}

describe('where messages may go', () => {
  test.each([
    ['https://example.com/keyctl', 'https://example.com/keyctl'],
    ['https://example.com', 'https://example.com/'],
    ['HTTPS://Example.COM:8443/a?token=1', 'https://example.com:8443/a?token=1'],
    ['https://10.0.0.7/', 'https://10.0.0.7/'],
    ['http://127.0.0.1:9090/x', 'http://127.0.0.1:9090/x'],
    ['http://localhost/x', 'http://localhost/x'],
    ['http://[::1]:9090/', 'http://[::1]:9090/'],
  ])('%s will do', (given, url) => {
    expect(checkWebhookUrl(given, false)).toBe(url);
  });

  test('plain http beyond this host only where it is allowed', () => {
    for (const url of ['http://example.com/', 'http://10.0.0.7/', 'http://127.0.0.1.example.com/', 'http://[fd00::1]/']) {
      expect(refusal(url)).toBe('Over http everybody on the way can read the messages.');
      expect(refusal(url, true)).toBe(`taken: ${url}`);
    }
  });

  test.each([
    ['nonsense', 'That is not a URL that messages can be sent to.'],
    ['', 'That is not a URL that messages can be sent to.'],
    ['ftp://example.com/', 'That is not a URL that messages can be sent to.'],
    ['file:///etc/passwd', 'That is not a URL that messages can be sent to.'],
    [`https://example.com/${'x'.repeat(2_000)}`, 'That is not a URL that messages can be sent to.'],
    ['https://user@example.com/', 'A URL for messages has no user and no password.'],
    ['https://user:word@example.com/', 'A URL for messages has no user and no password.'],
    ['https://example.com/#here', 'A URL for messages has nothing after a #: it is not sent.'],
    ['https://169.254.169.254/latest', 'At that address there is no receiver.'],
    ['https://0.0.0.0/', 'At that address there is no receiver.'],
    ['https://[fe80::1]/', 'At that address there is no receiver.'],
    ['https://[::ffff:169.254.169.254]/', 'At that address there is no receiver.'],
    // Other ways to write 169.254.169.254.
    ['https://2852039166/', 'At that address there is no receiver.'],
    ['https://0xa9.0xfe.0xa9.0xfe/', 'At that address there is no receiver.'],
  ])('%s is refused', (given, message) => {
    expect(refusal(given)).toBe(message);
    expect(refusal(given, true)).toBe(message);
  });

  test('what a name leads to is looked at as well', () => {
    expect([mayReceive('203.0.113.7', true), mayReceive('10.1.2.3', true), mayReceive('127.0.0.1', true)]).toEqual([true, true, true]);
    expect([mayReceive('203.0.113.7', false), mayReceive('127.0.0.1', false), mayReceive('::1', false)]).toEqual([false, true, true]);
    for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1', 'fd00:ec2::254'])
      expect([address, mayReceive(address, true)]).toEqual([address, false]);
  });

  test('a query is not shown', () => {
    expect(shownWebhookUrl('https://example.com/a?token=secret')).toBe('https://example.com/a?…');
    expect(shownWebhookUrl('https://example.com/a')).toBe('https://example.com/a');
  });
});
