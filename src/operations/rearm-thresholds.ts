import { thresholdReached } from '../domain/alerts.ts';
import type { Balance } from '../domain/credits.ts';
import type { Ref } from '../domain/entities.ts';
import type { WriteTransaction } from '../domain/store.ts';

/**
 * After an account was given more for a day: thresholds that it is below again will be told of when it reaches them again. A refund is no
 * such occasion, since errors that are not charged would have the same threshold told of over and over.
 */
export async function rearmThresholds(tx: WriteTransaction, accountRef: Ref, balance: Balance): Promise<void> {
  const webhook = await tx.alerts.webhook();
  if (webhook === null) return;
  const reached = thresholdReached(balance, webhook.thresholds);
  if (reached < (await tx.alerts.told(accountRef, balance.day))) await tx.alerts.setTold(accountRef, balance.day, reached);
}
