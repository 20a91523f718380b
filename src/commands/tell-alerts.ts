import type { Store } from '../domain/store.ts';
import { isDelivered } from '../domain/webhook-post.ts';
import { alertActs } from '../operations/alert-acts.ts';
import { deliverAlerts } from '../operations/deliver-alerts.ts';
import { noticeAll } from '../operations/notice-alerts.ts';
import type { Call } from './call.ts';

/** What a receiver has not taken by then waits for the next time. */
const MOST_MS = 30_000;

/**
 * Notices what somebody is to be told of and sends what is due, once: for those who run no server. It fails nothing: a webhook that does not
 * work is told of on stderr.
 */
export async function tellAlerts(call: Call, store: Store): Promise<void> {
  const { out, context } = call;
  const webhook = await store.read((tx) => tx.alerts.webhook());
  if (webhook === null || webhook.since === null) return;
  let [delivered, failed] = [0, 0];
  await noticeAll(store, context.randomBytes);
  const acts = alertActs(store, context.randomBytes);
  await deliverAlerts({ acts, post: await call.postWebhook(), signal: AbortSignal.timeout(MOST_MS) }, ({ answer }) => {
    if (isDelivered(answer)) delivered += 1;
    else failed += 1;
  });
  if (delivered > 0) out.note(`${String(delivered)} ${delivered === 1 ? 'alert was' : 'alerts were'} delivered.`);
  if (failed > 0)
    out.warn(
      `${String(failed)} ${failed === 1 ? 'alert was' : 'alerts were'} not taken by the receiver and will be tried again: keyctl alert list`,
    );
}
