import type { RandomBytes } from '../domain/random.ts';
import type { Store } from '../domain/store.ts';
import { claimAlerts, recordAlerts, type DeliveryActs } from './deliver-alerts.ts';
import { noticeAlerts, type Noticed, type NoticeOrder } from './notice-alerts.ts';

/** What a server does for its alerts, each a transaction or some; on a thread of their own they are in no request's way. */
export interface AlertActs extends DeliveryActs {
  /** See `noticeAlerts`. */
  readonly noticeAlerts: (order: NoticeOrder) => Promise<Noticed>;
}

/** The acts on a store, on the thread of the caller. */
export function alertActs(store: Store, randomBytes: RandomBytes): AlertActs {
  return {
    noticeAlerts: (order) => noticeAlerts(store, order, randomBytes),
    claimAlerts: () => claimAlerts(store),
    recordAlerts: (attempts) => recordAlerts(store, attempts, randomBytes),
  };
}
