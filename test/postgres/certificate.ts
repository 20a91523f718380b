import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A certificate and the key that belongs to it, both as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate for a server of these names and addresses. */
  issue(...names: readonly string[]): Certificate;
}

/** Distinguished encoding (X.690): a tag, a length, and what it holds. */
function der(tag: number, ...parts: readonly (Buffer | readonly number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const [BOOLEAN, INTEGER, BITS, OCTETS, OID, UTF8, TIME, SEQUENCE, SET] = [0x01, 0x02, 0x03, 0x04, 0x06, 0x0c, 0x18, 0x30, 0x31];
const [DNS_NAME, ADDRESS] = [0x82, 0x87];
const COMMON_NAME = der(OID, [0x55, 0x04, 0x03]);
const SUBJECT_ALT_NAME = der(OID, [0x55, 0x1d, 0x11]);
const BASIC_CONSTRAINTS = der(OID, [0x55, 0x1d, 0x13]);
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OID, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
const VALIDITY = der(SEQUENCE, der(TIME, Buffer.from('20200101000000Z')), der(TIME, Buffer.from('21200101000000Z')));

function named(name: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from(name)))));
}

function altName(name: string): Buffer {
  return isIPv4(name) ? der(ADDRESS, name.split('.').map(Number)) : der(DNS_NAME, Buffer.from(name));
}

interface Content {
  readonly issuer: string;
  readonly subject: string;
  readonly extension: Buffer;
  readonly publicKey: KeyObject;
}

/** RFC 5280, in the fewest fields that a client asks for. */
function signed({ issuer, subject, extension, publicKey }: Content, signingKey: KeyObject): string {
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, [2])),
    der(INTEGER, [1], randomBytes(8)),
    ECDSA_WITH_SHA256,
    named(issuer),
    VALIDITY,
    named(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, extension)),
  );
  const whole = der(SEQUENCE, body, ECDSA_WITH_SHA256, der(BITS, [0], sign('sha256', body, signingKey)));
  const lines = whole.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject; pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey, privateKey, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** An authority that nobody knows, made for one test. */
export function newAuthority(name: string): Authority {
  const { publicKey, privateKey, pem } = newKey();
  const isAuthority = der(SEQUENCE, BASIC_CONSTRAINTS, der(BOOLEAN, [255]), der(OCTETS, der(SEQUENCE, der(BOOLEAN, [255]))));
  return {
    certificate: signed({ issuer: name, subject: name, extension: isAuthority, publicKey }, privateKey),
    key: pem,
    issue: (...names) => {
      const server = newKey();
      const extension = der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTETS, der(SEQUENCE, ...names.map(altName))));
      const content = { issuer: name, subject: names[0] ?? '', extension, publicKey: server.publicKey };
      return { certificate: signed(content, privateKey), key: server.pem };
    },
  };
}
