/** What `keyctl help` tells about beside the commands. */
export const TOPICS = ['environment', 'exit-codes', 'formatting', 'json'] as const;

export type Topic = (typeof TOPICS)[number];

export function isTopic(word: string | undefined): boolean {
  return TOPICS.some((topic) => topic === word);
}
