import { remaining, type Balance } from './credits.ts';
import { dayOf, dayOfHour, hourOf, HOURS_PER_DAY, MS_PER_HOUR, nextReset, type Instant, type UtcDay, type UtcHour } from './utc-day.ts';

/** What an account spent in one UTC hour. Hours without traffic may be left out. */
export interface SpentHour {
  readonly hour: UtcHour;
  readonly credits: number;
  /** Whether a request was denied in it for want of credits: more was asked for than spent, nobody knows how much. */
  readonly exhausted: boolean;
}

/**
 * `spent`: not one more request fits today. `runs_out`: at this pace they are spent at `exhaustedAt`. `lasts`: not before they come back.
 * `unknown`: there is neither a past nor enough of today to go by.
 */
export type ForecastState = 'spent' | 'runs_out' | 'lasts' | 'unknown';

export interface Forecast {
  readonly state: ForecastState;
  /** For `runs_out`: when, to the minute. Else null. */
  readonly exhaustedAt: Instant | null;
  /** What would have been asked for when the credits come back, in credits: more than the day has, where they run out. Null where unknown. */
  readonly spentByReset: number | null;
  /** `profile`: the hours of past days, as busy as today is. `pace`: today's own pace goes on. Null where nothing was reckoned. */
  readonly basis: 'profile' | 'pace' | null;
  /** How many past days with traffic are known. */
  readonly days: number;
}

/** How many past days are looked at: two weeks have every weekday twice, and forget a customer's old habits. */
export const FORECAST_DAYS = 14;
/** With fewer, their hours are chance and no profile. */
export const LEAST_DAYS = 3;
/** How much of today has to be over before its pace alone says anything, in hours. */
const LEAST_OF_TODAY = 0.5;
/** What was spent so many hours ago counts half as much for today's pace as what is spent now. */
const HALF_LIFE = 2;
/** The past counts as if so many average hours of it had been seen today: at 00:01 one request is no trend. */
const PRIOR_HOURS = 2;
/** Where today has more than so many times what its profile says, it is a day of another kind. */
const UNLIKE = 3;
const MS_PER_MINUTE = 60_000;

/**
 * When today's credits will be spent if today goes on as it does. The past days say how a day's spending lies over its hours; today's
 * recent hours say how busy it is compared with them. Pure; `hours` are those of today and of the `FORECAST_DAYS` before, ascending;
 * `price` is what the cheapest request costs that costs anything.
 */
export function forecast(hours: readonly SpentHour[], balance: Balance, price: number, now: Instant): Forecast {
  const { profile, days } = profileOf(hours, dayOf(now));
  const left = remaining(balance) - (remaining(balance) % price);
  if (left === 0) return { state: 'spent', exhaustedAt: null, spentByReset: null, basis: null, days };
  const pace = paceOf(hours, profile, now);
  if (pace === null) return { state: 'unknown', exhaustedAt: null, spentByReset: null, basis: null, days };
  const { exhaustedAt, asked } = goOn(pace.perHour, left, now);
  return {
    state: exhaustedAt === null ? 'lasts' : 'runs_out',
    ...{ exhaustedAt, spentByReset: Math.round(balance.spent + asked), basis: pace.basis, days },
  };
}

/** Credits an hour, by the hour of the day. */
type PerHour = readonly number[];

/**
 * The mean of each hour of the day over the past days that had traffic; null for too few of them. Hours after the credits had run out
 * are left out of it: that nothing was spent in them is no sign that nothing was wanted.
 */
function profileOf(hours: readonly SpentHour[], today: UtcDay): { profile: PerHour | null; days: number } {
  const past = new Map<UtcDay, SpentHour[]>();
  for (const hour of hours) {
    const day = dayOfHour(hour.hour);
    if (day < today) past.set(day, [...(past.get(day) ?? []), hour]);
  }
  const sums = Array.from({ length: HOURS_PER_DAY }, () => ({ credits: 0, days: 0 }));
  let days = 0;
  for (const [day, known] of past) {
    if (known.every(({ credits }) => credits === 0)) continue;
    days += 1;
    const end = known.find(({ exhausted }) => exhausted)?.hour ?? (day + 1) * HOURS_PER_DAY;
    const spent = new Map(known.map(({ hour, credits }) => [hour, credits]));
    sums.slice(0, end - day * HOURS_PER_DAY).forEach((sum, hour) => {
      sum.credits += spent.get(day * HOURS_PER_DAY + hour) ?? 0;
      sum.days += 1;
    });
  }
  if (days < LEAST_DAYS) return { profile: null, days };
  const seen = sums.filter((sum) => sum.days > 0).map((sum) => sum.credits / sum.days);
  const average = seen.reduce((sum, credits) => sum + credits, 0) / Math.max(1, seen.length);
  // Whoever runs out in the first hour of each day leaves no hour to learn from.
  if (average === 0) return { profile: null, days };
  return { profile: sums.map((sum) => (sum.days === 0 ? average : sum.credits / sum.days)), days };
}

interface Pace {
  readonly basis: 'profile' | 'pace';
  readonly perHour: PerHour;
}

/** What the rest of the day will ask for, hour by hour; null where nobody can say. */
function paceOf(hours: readonly SpentHour[], profile: PerHour | null, now: Instant): Pace | null {
  const first = dayOf(now) * HOURS_PER_DAY;
  const begun = (now % MS_PER_HOUR) / MS_PER_HOUR;
  const last = hourOf(now) - first;
  const spentIn = new Map(hours.map(({ hour, credits }) => [hour - first, credits]));
  let [spent, usual, watched] = [0, 0, 0];
  for (let hour = 0; hour <= last; hour += 1) {
    const weight = 2 ** (-(last - hour) / HALF_LIFE);
    const part = hour === last ? begun : 1;
    spent += weight * (spentIn.get(hour) ?? 0);
    usual += weight * part * (profile?.[hour] ?? 0);
    watched += weight * part;
  }
  const prior = profile === null ? 0 : (PRIOR_HOURS * profile.reduce((sum, credits) => sum + credits, 0)) / HOURS_PER_DAY;
  const enough = last + begun >= LEAST_OF_TODAY;
  if (profile !== null && !(enough && spent > UNLIKE * (usual + prior))) {
    const busier = (spent + prior) / (usual + prior);
    return { basis: 'profile', perHour: profile.map((credits) => credits * busier) };
  }
  if (!enough || spent === 0) return null;
  return { basis: 'pace', perHour: Array.from({ length: HOURS_PER_DAY }, () => spent / watched) };
}

/** Spends on until midnight: when `left` is gone, or null, and how much was asked for by then. */
function goOn(perHour: PerHour, left: number, now: Instant): { exhaustedAt: Instant | null; asked: number } {
  let [at, asked] = [now, 0];
  let exhaustedAt: Instant | null = null;
  while (at < nextReset(now)) {
    const end = (hourOf(at) + 1) * MS_PER_HOUR;
    const rate = (perHour[hourOf(at) % HOURS_PER_DAY] ?? 0) / MS_PER_HOUR;
    const more = rate * (end - at);
    if (exhaustedAt === null && more > 0 && asked + more >= left) {
      const minute = Math.floor((at + (left - asked) / rate) / MS_PER_MINUTE) * MS_PER_MINUTE;
      // Credits that would end with the day's last instant last.
      if (minute < nextReset(now)) exhaustedAt = Math.max(now, minute);
    }
    asked += more;
    at = end;
  }
  return { exhaustedAt, asked };
}
