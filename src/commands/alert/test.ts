import { testWebhook, WEBHOOK_TEST_FIELDS, type WebhookTest } from '../../operations/test-webhook.ts';
import { glyphs, shownMask, type Marks } from '../../terminal/glyphs.ts';
import type { CommandModule } from '../call.ts';
import { EXIT } from '../exit-codes.ts';

export const command: CommandModule = {
  configure: (cli) =>
    void cli.addHelpText(
      'after',
      '\nSends a message of the type webhook.test, signed as every other, and shows what the receiver answered. It is tried once;' +
        '\nexit 1 says that the receiver did not take it. Nothing is put into the outbox.',
    ),

  run: async (call) => {
    const { out, context } = call;
    out.checkFields(WEBHOOK_TEST_FIELDS);
    const store = await call.openStore('read');
    const test = await testWebhook(store, await call.postWebhook(), () => performance.now(), context.randomBytes);
    out.show({ ...test }, () => describe(test, glyphs(out.unicode)), WEBHOOK_TEST_FIELDS);
    return test.delivered ? EXIT.done : EXIT.failed;
  },
};

function describe({ url, id, delivered, result, milliseconds, answer }: WebhookTest, marks: Marks): string {
  const lines = [
    `${delivered ? 'Delivered' : 'Not delivered'}: ${result} from ${shownMask(url, marks)} after ${String(milliseconds)} ms (message ${id}).`,
  ];
  if (answer !== '') lines.push(`It answered: ${answer.replace(/…$/, marks.cut)}`);
  return lines.join('\n');
}
