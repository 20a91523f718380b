/** SQL for the highest threshold that so much of an allowance has reached, or 0. */
export function highestReached(spent: string, allowance: string, thresholds: readonly number[]): string {
  const percents = thresholds.map((percent) => String(Math.trunc(percent))).toReversed();
  return `CASE ${percents.map((percent) => `WHEN ${spent} * 100 >= ${percent} * ${allowance} THEN ${percent}`).join(' ')} ELSE 0 END`;
}
