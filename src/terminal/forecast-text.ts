import type { Balance } from '../domain/credits.ts';
import { LEAST_DAYS, type Forecast } from '../domain/forecast.ts';
import { grouped } from '../domain/grouped.ts';
import { formatInstant, type Instant } from '../domain/utc-day.ts';
import { duration } from './style.ts';

/** A forecast as a sentence: what will be, and, where little is known, what it was reckoned from. */
export function forecastText(forecast: Forecast, { granted, adjusted }: Balance, now: Instant): string {
  const { exhaustedAt, spentByReset } = forecast;
  if (forecast.state === 'spent') return 'Spent: not one more request fits today.';
  if (forecast.state === 'unknown' || spentByReset === null) return `No forecast yet: ${known(forecast)}, and too little of today.`;
  const said =
    exhaustedAt === null
      ? `At this pace they last: about ${grouped(spentByReset)} of ${grouped(granted + adjusted)} spent by 00:00 UTC`
      : `At this pace spent at ${clock(exhaustedAt)} UTC, in ${duration(Math.max(60_000, exhaustedAt - now))}`;
  return `${said}${forecast.basis === 'pace' ? ` (${why(forecast)})` : ''}.`;
}

/** `17:40` */
function clock(at: Instant): string {
  return formatInstant(at).slice(11, 16);
}

function known({ days }: Forecast): string {
  if (days === 0) return 'no past day with traffic is known';
  return days === 1 ? 'only one past day with traffic is known' : `only ${String(days)} past days with traffic are known`;
}

function why(forecast: Forecast): string {
  return `by today's hours alone: ${forecast.days < LEAST_DAYS ? known(forecast) : 'today is much busier than its hours were before'}`;
}
