import { remaining } from './credits.ts';
import { allowanceLeft, priceOf, rateOf, type Facts } from './decide.ts';
import { idOf, type Case, type Told } from './explain-identity.ts';
import { grouped } from './grouped.ts';
import { formatDay, formatInstant, nextReset } from './utc-day.ts';

export function tellRequestId({ request, facts: { prior } }: Case): Told {
  const remedy = 'Send another request id for another charge.';
  if (request.requestId === null) return { detail: 'No request id is given.', remedy };
  return { detail: prior === null ? 'The request id is new.' : 'The request id was charged before.', remedy };
}

export function tellCredits({ request, facts, now }: Case): Told {
  const { key } = facts;
  const price = priceOf(request, facts);
  const resetsAt = formatInstant(nextReset(now));
  const cap = key?.dailyCap ?? null;
  const ofCap = cap === null ? '' : ` Of the key's own daily cap of ${grouped(cap)}, ${grouped(facts.capSpent)} are spent.`;
  const fit = price === 0 ? 0 : Math.floor(allowanceLeft(facts).left / price);
  const enough = fit === 0 ? '' : ` That is enough for ${grouped(fit)} such ${fit === 1 ? 'request' : 'requests'}.`;
  const detail = `A request costs ${grouped(price)} credits. ${ofAccount(facts)}${ofCap}${enough} All come back at ${resetsAt}.`;
  return { detail, remedy: creditsRemedy({ request, facts, now }, price, resetsAt) };
}

function ofAccount({ balance, account, tier }: Facts): string {
  if (balance === null) return 'No account has credits for it.';
  const { day, granted, adjusted, spent } = balance;
  const sums = `tier ${tier ?? 'unknown'}: granted ${grouped(granted)}, adjusted ${grouped(adjusted)}, spent ${grouped(spent)}`;
  return `The account ${account?.name ?? ''} has ${grouped(remaining(balance))} left on ${formatDay(day)} (${sums}).`;
}

/** Waiting helps only where a whole day's allowance is enough for one request. */
function creditsRemedy({ facts }: Case, price: number, resetsAt: string): string {
  const { by, limit, left } = allowanceLeft(facts);
  const wait = price <= limit ? `Wait until ${resetsAt}, or ` : 'Waiting does not help: a request costs more than the whole day allows. ';
  const account = facts.account?.name ?? '<account>';
  if (by === 'key') return `${wait}keyctl edit ${idOf(facts.key)} --daily-cap ${String(facts.capSpent + price)}`;
  return `${wait}keyctl credit +${String(price - left)} --account ${account} --reason <why>, or keyctl tier set <tier> --account ${account}`;
}

export function tellRate({ facts, now }: Case): Told {
  const { limit, service } = facts;
  const tier = facts.tier ?? '<tier>';
  const rate = rateOf(facts, now);
  const name = service?.name ?? '';
  if (limit === null || rate === null) return { detail: `The tier ${tier} has no rate limit for the service ${name}.`, remedy: '' };
  const seconds = String(Math.ceil(rate.waitMicros / 1_000) / 1_000);
  const size = `${String(limit.requestsPerSecond)} requests a second for the service ${name}, ${String(limit.burst)} at once`;
  return {
    detail: `The tier ${tier} allows ${size}; ${String(rate.remaining)} of these could pass at that moment.`,
    remedy: `Wait ${seconds} s, or keyctl tier edit ${tier} --limit ${name}=<rate>/s`,
  };
}
