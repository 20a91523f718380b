import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkIpRange, ipInRanges, normaliseIp } from '../../src/domain/ip-range.ts';

describe('an address', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['2001:DB8::1', '2001:db8::1'],
    ['::1', '::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
  ])('%j is %s', (text, expected) => {
    expect(normaliseIp(text)).toBe(expected);
  });

  test.each([
    '',
    '203.0.113',
    '203.0.113.256',
    '010.0.0.1',
    '203.0.113.7:80',
    '[::1]',
    'fe80::1%eth0',
    '::ffff:999.0.0.1',
    'localhost',
    '1',
    '0x7f.1',
    ':::1',
  ])('%j is none', (text) => {
    expect(normaliseIp(text)).toBeNull();
  });
});

describe('a range from a flag', () => {
  test.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['::/0', '::/0'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
  ])('%s becomes %s', (text, expected) => {
    expect(checkIpRange(text)).toBe(expected);
  });

  test.each([
    '',
    '/',
    '203.0.113.0/',
    '203.0.113.0/33',
    '203.0.113.0/-1',
    '203.0.113.0/24/24',
    '203.0.113.0/2x',
    '2001:db8::/129',
    '203.0.113/24',
    'fe80::1%eth0/64',
    '*',
    'all',
  ])('%j is refused', (text) => {
    expect(() => checkIpRange(text)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('the error does not repeat what was typed: it may be a secret in the wrong place', () => {
    expect(() => checkIpRange('hunter2')).toThrow(expect.objectContaining({ message: 'That is not an IP range.' }));
  });
});

describe('an address in ranges', () => {
  const ranges = ['203.0.113.0/24', '198.51.100.7/32', '2001:db8::/32'].map(checkIpRange);

  test.each([
    ['203.0.113.0', true],
    ['203.0.113.255', true],
    ['203.0.112.255', false],
    ['203.0.114.0', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['2001:db8::', true],
    ['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['2001:DB8::5', true],
    ['2001:db9::', false],
    ['::1', false],
    ['::ffff:203.0.113.7', true],
    ['::ffff:cb00:7107', true],
    ['0:0:0:0:0:ffff:203.0.113.7', true],
    ['::ffff:192.0.2.1', false],
  ])('%s: %s', (ip, expected) => {
    expect(ipInRanges(ranges, ip)).toBe(expected);
  });

  test('an unknown address, or a text that is none, lies in no range, not even in that of all', () => {
    const all = ['0.0.0.0/0', '::/0'];
    expect(ipInRanges(all, '203.0.113.7')).toBe(true);
    expect(ipInRanges(all, '2001:db8::1')).toBe(true);
    expect(ipInRanges(all, null)).toBe(false);
    expect(ipInRanges(all, '')).toBe(false);
    expect(ipInRanges(all, 'unix:')).toBe(false);
  });

  test('nothing lies in no ranges', () => {
    expect(ipInRanges([], '203.0.113.7')).toBe(false);
  });

  test('a range may be written with bits of the host', () => {
    expect(ipInRanges([checkIpRange('203.0.113.77/24')], '203.0.113.1')).toBe(true);
  });

  test('the ranges of one key are not those of another', () => {
    expect(ipInRanges(['203.0.113.0/24'], '203.0.113.7')).toBe(true);
    expect(ipInRanges(['198.51.100.0/24'], '203.0.113.7')).toBe(false);
  });

  test('agrees with arithmetic on every IPv4 range', () => {
    const address = fc.nat({ max: 0xffffffff });
    const written = (value: number): string => [24, 16, 8, 0].map((shift) => String((value >>> shift) & 255)).join('.');
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 32 }), address, fc.nat({ max: 32 }), (net, bits, other, kept) => {
        // Half of the addresses share a beginning with the range, since two of chance hardly ever do.
        const size = 2 ** (32 - bits);
        const near = Math.floor(net / 2 ** (32 - kept)) * 2 ** (32 - kept) + (other % 2 ** (32 - kept));
        for (const ip of [other, near]) {
          const inside = Math.floor(ip / size) === Math.floor(net / size);
          expect(ipInRanges([checkIpRange(`${written(net)}/${String(bits)}`)], written(ip))).toBe(inside);
          expect(ipInRanges([checkIpRange(`${written(net)}/${String(bits)}`)], `::ffff:${written(ip)}`)).toBe(inside);
        }
      }),
    );
  });
});
