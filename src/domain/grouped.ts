/**
 * `12,345`, so that a person reads credits at a glance. Only for sentences and terminals; pipes, JSON's numbers and commands get digits. By
 * hand: the first call of toLocaleString loads the data of every language, which takes a third of the time of a whole command.
 */
export function grouped(value: number): string {
  return String(value).replaceAll(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ',');
}
