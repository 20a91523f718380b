import { headersOf } from '../src/http/verdict-headers.ts';

/** The headers that every answer has, in their order. */
export const VERDICT_HEADER_NAMES: readonly string[] = [...headersOf({ code: 'ok', status: 200 }).matchAll(/^(.+?): /gm)].map(
  ([, name = '']) => name,
);

/** Those about who asks and what it cost, which an API may read. */
export const IDENTITY_HEADER_NAMES: readonly string[] = VERDICT_HEADER_NAMES.filter((name) => /^X-(Keyctl|Credits)-/.test(name));
