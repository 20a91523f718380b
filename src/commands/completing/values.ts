import { KEY_STATUSES, type KeyStatus } from '../../domain/entities.ts';
import { SETTINGS } from '../../domain/settings.ts';
import { USAGE_BUCKETS } from '../../domain/traffic.ts';
import { VERDICT_STATUS } from '../../domain/verdict.ts';
import type { NamedKind } from '../../operations/complete-names.ts';
import { TOPICS } from '../helping/topics.ts';
import { SHELLS } from './shells.ts';

/** The placeholders whose values are names in the store. */
export const NAMED_BY: Readonly<Record<string, readonly NamedKind[]>> = {
  account: ['account'],
  key: ['key'],
  tier: ['tier'],
  service: ['service'],
  environment: ['environment'],
  target: ['account', 'key', 'tier', 'service', 'environment'],
};

/** The placeholders whose values are files. */
export const FILES: readonly string[] = ['file', 'path'];

/** What takes one of a few values, by its command and its flag or argument. */
export const ENUMERATED: Readonly<Record<string, readonly string[]>> = {
  'list --status': [...KEY_STATUSES, 'all'],
  'usage --by': USAGE_BUCKETS,
  'denials --code': Object.keys(VERDICT_STATUS).filter((code) => code !== 'ok'),
  'config get <setting>': SETTINGS.map(({ name }) => name),
  'config set <setting>': SETTINGS.map(({ name }) => name),
  'config unset <setting>': SETTINGS.map(({ name }) => name),
  'completion <shell>': SHELLS,
  'help <topic>': TOPICS,
};

/** The only keys that a command does something to. */
export const STATUS_FOR: Readonly<Record<string, KeyStatus>> = { enable: 'disabled', disable: 'active', rotate: 'active' };
