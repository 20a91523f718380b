import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  checkEnvironmentCode,
  checkExternalId,
  checkKeyName,
  checkKeyPrefix,
  checkName,
  checkText,
  isName,
  isRequestId,
} from '../../src/domain/names.ts';

const USAGE = expect.objectContaining({ code: 'usage' });

describe('names of accounts, tiers, services and environments', () => {
  test.each(['a', '0', 'default', 'acme-corp', 'v1.2_beta', '9lives', 'a'.repeat(63), 'a--', 'a..b'])('%j is one', (text) => {
    expect(checkName('account', text)).toBe(text);
    expect(isName(text)).toBe(true);
  });

  test.each([
    ['', 'empty'],
    ['a'.repeat(64), 'too long'],
    ['a'.repeat(10_000), 'much too long'],
    ['Acme', 'upper case'],
    ['.hidden', 'begins with a dot'],
    ['-x', 'begins with a hyphen, like a flag'],
    ['_x', 'begins with an underscore'],
    ['a/b', 'a path'],
    ['a b', 'a space'],
    ['a\n', 'ends with a line break'],
    ['a\u0000', 'a NUL'],
    ['ä', 'not ASCII'],
    ['🔑', 'an emoji'],
    ['*', 'the word for every service'],
  ])('%p is none: %s', (text) => {
    expect(() => checkName('tier', text)).toThrow(USAGE);
    expect(isName(text)).toBe(false);
  });

  test('the error names the kind and does not repeat the text', () => {
    expect(() => checkName('environment', 'Hunter2')).toThrow(/^That is not a name for an environment\.$/);
    expect(() => checkName('service', 'Hunter2')).toThrow(/^That is not a name for a service\.$/);
  });
});

describe('codes of environments', () => {
  test.each(['qa', 'dev', 'prod', 'stage2', '12345678', '00'])('%j is one', (text) => {
    expect(checkEnvironmentCode(text)).toBe(text);
  });

  test.each(['', 'a', '123456789', 'QA', 'q_a', 'qa\n', 'q-a', 'qä'])('%j is none', (text) => {
    expect(() => checkEnvironmentCode(text)).toThrow(USAGE);
  });
});

describe('prefixes of keys', () => {
  test.each(['k', 'kc', 'acme', 'a12345678901'])('%j is one', (text) => {
    expect(checkKeyPrefix(text)).toBe(text);
  });

  test.each(['', '1a', 'KC', 'a_b', 'a-b', 'a123456789012', 'kc\n'])('%j is none', (text) => {
    expect(() => checkKeyPrefix(text)).toThrow(USAGE);
  });
});

describe('names of keys', () => {
  test.each([
    ['prod', 'a word'],
    ['Billing service (EU)', 'with spaces'],
    ['prod~1', 'a predecessor'],
    ['ключ', 'Cyrillic'],
    ['本番', 'Japanese'],
    ['🔑', 'an emoji'],
    ['👩‍👩‍👧‍👦 family', 'joined by zero width joiners'],
    ['🏳️‍🌈', 'with a variation selector before the joiner'],
    ['👩🏽‍💻', 'with a skin tone before the joiner'],
    ['❤️', 'with a variation selector'],
    ['1️⃣', 'a keycap'],
    ['x'.repeat(100), 'as long as may be'],
    ['🔑'.repeat(100), 'measured in code points, not in UTF-16 units'],
  ])('%j is one: %s', (text) => {
    expect(checkKeyName(text)).toBe(text);
  });

  test('are stored in NFC, and measured in it', () => {
    expect(checkKeyName('cafe\u0301')).toBe('caf\u00e9');
    expect(checkKeyName('e\u0301'.repeat(100))).toBe('\u00e9'.repeat(100));
  });

  test.each([
    ['', 'empty'],
    [' ', 'a space alone'],
    [' prod', 'a space before'],
    ['prod ', 'a space after'],
    ['prod\u00a0', 'a no-break space after'],
    ['a/b', 'a slash, which separates account and name'],
    ['x'.repeat(101), 'one too long'],
    ['x'.repeat(10_000), 'ten thousand letters'],
    ['🔑'.repeat(101), 'one emoji too many'],
    ['a\u0000b', 'NUL'],
    ['a\nb', 'a line break'],
    ['a\tb', 'a tab'],
    ['a\u001b[31mb', 'an escape sequence'],
    ['a\u007fb', 'DEL'],
    ['a\u009bb', 'the C1 form of an escape sequence'],
    ['a\u2028b', 'a line separator'],
    ['a\u2029b', 'a paragraph separator'],
    ['a\u202eb', 'a bidirectional override'],
    ['a\u2066b', 'a bidirectional isolate'],
    ['a\u200bb', 'a zero width space'],
    ['a\ufeffb', 'a byte order mark'],
    ['a\u00adb', 'a soft hyphen'],
    ['a\ud800b', 'a lone surrogate'],
    ['a\ue000b', 'a private character'],
    ['a\u0378b', 'an unassigned character'],
    ['\u200d', 'a joiner alone, which cannot be seen'],
    ['prod\u200d', 'a joiner that joins nothing: it looks like another name'],
    ['pr\u200dod', 'a joiner between letters'],
    ['\ufe0f', 'a variation selector alone'],
    ['prod\ufe0f', 'a variation selector after a letter'],
    ['\u3164', 'a filler that looks like nothing'],
    ['prod\u115f', 'a filler at the end'],
    ['prod\u034f', 'a grapheme joiner'],
  ])('%j is none: %s', (text) => {
    expect(() => checkKeyName(text)).toThrow(USAGE);
  });

  test('the error does not repeat the text', () => {
    expect(() => checkKeyName('hunter2/')).toThrow(/^That is not a name for a key\.$/);
  });

  test('a name that was accepted is accepted again as it is, and is printable', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), (text) => {
        let name: string;
        try {
          name = checkKeyName(text);
        } catch {
          return;
        }
        expect(checkKeyName(name)).toBe(name);
        expect(name).not.toMatch(/[\p{Cc}\p{Cs}/]/u);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('notes and reasons', () => {
  test.each([
    ['leaked in a log', 'leaked in a log'],
    ['  spaces at the ends go  ', 'spaces at the ends go'],
    ['cafe\u0301', 'caf\u00e9'],
    ['🔑'.repeat(500), '🔑'.repeat(500)],
  ])('%j is kept as %j', (text, expected) => {
    expect(checkText('reason', text)).toBe(expected);
  });

  test.each(['', '   ', 'x'.repeat(501), 'x'.repeat(10_000), 'two\nlines', 'a\u0000b', 'a\u001b]0;title\u0007', 'a\u2028b', 'a\ud800'])(
    '%j is refused',
    (text) => {
      expect(() => checkText('reason', text)).toThrow(/^That is not a reason\.$/);
    },
  );
});

describe('external ids and request ids', () => {
  const good = ['4711', 'cus_9s6XKzkNRiz8i3', '!~', 'a/b?c=d', 'x'.repeat(128)];
  const bad = ['', ' ', 'a b', 'ä', '🔑', 'a\n', 'a\u007f', 'a\tb', 'x'.repeat(129), 'x'.repeat(10_000)];

  test.each(good)('%j is one', (text) => {
    expect(checkExternalId(text)).toBe(text);
    expect(isRequestId(text)).toBe(true);
  });

  test.each(bad)('%j is none', (text) => {
    expect(() => checkExternalId(text)).toThrow(USAGE);
    expect(isRequestId(text)).toBe(false);
  });
});
