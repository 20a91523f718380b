import { z } from 'zod';
import { MAX_COST } from '../domain/credits.ts';
import { normaliseIp } from '../domain/ip-range.ts';
import { isRequestId } from '../domain/names.ts';
import { VERDICT_STATUS } from '../domain/verdict.ts';
import { PROBLEM_STATUS } from './problem.ts';

/** What goes in and out as JSON. The same schemas check the input, describe it at /openapi.json, and hold the answers to it in the tests. */

const credits = z.int().nonnegative();
const instant = z.iso.datetime();

export const question = z.strictObject({
  apiKey: z.string().describe('The API key that somebody presented. Empty counts as none.'),
  service: z.string().optional().describe("The service that is asked for; 'default' if left out."),
  environment: z.string().optional().describe('The environment, by name or code, that the key has to belong to.'),
  cost: z.int().min(0).max(MAX_COST).optional().describe("A price in credits instead of the service's."),
  ip: z
    .string()
    .refine((text) => normaliseIp(text) !== null)
    .optional()
    .describe("The client's IP address, for keys that are bound to some."),
  requestId: z
    .string()
    .refine(isRequestId)
    .optional()
    .describe('1 to 128 visible ASCII characters, and no API key. Within 24 hours a repeated question with the same id is charged once.')
    .meta({ pattern: String.raw`^[\x21-\x7e]{1,128}$` }),
  dryRun: z.boolean().optional().describe('Decide, but charge and count nothing.'),
});

export const verdict = z.strictObject({
  valid: z.boolean(),
  code: z.enum(Object.keys(VERDICT_STATUS)),
  status: z.int(),
  message: z.string(),
  keyId: z.string().nullable(),
  keyName: z.string().nullable(),
  account: z.string().nullable(),
  environment: z.string().nullable(),
  tier: z.string().nullable(),
  service: z.string().nullable(),
  cost: credits.nullable(),
  credits: z.strictObject({ limit: credits, remaining: credits, resetsAt: instant, limitedBy: z.enum(['account', 'key']) }).nullable(),
  rate: z.strictObject({ limit: credits, burst: credits, remaining: credits, resetsAt: instant }).nullable(),
  retryAfter: credits.nullable().describe('Whole seconds. Who waits that long passes.'),
  debitId: z.string().nullable(),
  requestId: z.string().nullable(),
  replayed: z.boolean(),
});

export const admitted = z.strictObject({ valid: z.literal(true), code: z.literal('ok') });

export const debit = z.strictObject({
  id: z.string(),
  at: instant,
  account: z.string(),
  key: z.string().nullable(),
  keyName: z.string().nullable(),
  service: z.string(),
  cost: credits,
  balanceAfter: credits,
  requestId: z.string().nullable(),
  refundedAt: instant.nullable(),
});

export const self = z.strictObject({
  account: z.string(),
  keyId: z.string(),
  keyName: z.string(),
  environment: z.string(),
  expiresAt: instant.nullable(),
  tier: z.string(),
  credits: z.strictObject({
    day: z.iso.date(),
    granted: credits,
    adjusted: z.int(),
    spent: credits,
    remaining: credits,
    resetsAt: instant,
  }),
  cap: z.strictObject({ limit: credits, spent: credits, remaining: credits }).nullable(),
  limits: z.array(z.strictObject({ service: z.string(), requestsPerSecond: credits, burst: credits })),
});

export const problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.union([z.enum(Object.keys(VERDICT_STATUS)), z.enum(Object.keys(PROBLEM_STATUS))]),
  requestId: z.string().nullable(),
});

export const health = z.strictObject({ status: z.literal('ok') });
