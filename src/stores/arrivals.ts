import type { Ref } from '../domain/entities.ts';
import type { ArrivalMicros } from '../domain/rate-limit.ts';

export const NO_ARRIVALS: ReadonlyMap<Ref, ArrivalMicros> = new Map();

/** Arrival times as JSON `{"<service ref>": microseconds}`; most accounts have none ahead of now, or one. */
export function parseArrivals(text: string): ReadonlyMap<Ref, ArrivalMicros> {
  if (text === '{}') return NO_ARRIVALS;
  const entries = Object.entries(JSON.parse(text) as Record<string, number>);
  return new Map(entries.map(([ref, arrival]) => [Number(ref), arrival]));
}

export function arrivalsText(arrivals: ReadonlyMap<Ref, ArrivalMicros>): string {
  return arrivals.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(arrivals));
}
