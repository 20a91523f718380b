import { scannerPattern } from '../../domain/api-key.ts';
import type { CommandModule } from '../call.ts';

const FIELDS = ['id', 'description', 'regex', 'keywords'] as const;

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    call.out.checkFields(FIELDS);
    const store = await call.openStore('read');
    const prefixes = await store.read((tx) => tx.config.prefixes());
    const rule = {
      id: 'keyctl-api-key',
      description: 'API key of this keyctl installation',
      regex: scannerPattern(prefixes),
      // A scanner looks for these words first and tries the expression only where it finds one.
      keywords: prefixes.map((prefix) => `${prefix}_`),
    };
    call.out.showVerbatim(rule, () => gitleaksRule(rule), FIELDS);
    return undefined;
  },
};

/** One rule of a gitleaks.toml. The expression is a literal string: no escapes are read in it, and it holds no apostrophe. */
function gitleaksRule(rule: { id: string; description: string; regex: string; keywords: readonly string[] }): string {
  return [
    '[[rules]]',
    `id = ${JSON.stringify(rule.id)}`,
    `description = ${JSON.stringify(rule.description)}`,
    `regex = '''${rule.regex}'''`,
    `keywords = [${rule.keywords.map((word) => JSON.stringify(word)).join(', ')}]`,
  ].join('\n');
}
