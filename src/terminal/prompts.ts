/** One thing to choose: `label` is what a person sees. */
export interface Choice<Value> {
  readonly label: string;
  readonly value: Value;
}

/** Questions to a person. Every one throws KeyctlError `cancelled` on Ctrl-C. */
export interface Prompts {
  /** Asks for a line until `check` accepts it; `check` throws with a message otherwise, and returns the clean value. */
  ask(message: string, check: (text: string) => string, suggestion?: string): Promise<string>;
  secret(message: string): Promise<string>;
  choose<Value>(message: string, choices: readonly Choice<Value>[], preselected?: Value): Promise<Value>;
  chooseSome<Value>(message: string, choices: readonly Choice<Value>[]): Promise<readonly Value[]>;
  confirm(message: string): Promise<boolean>;
  /** Has the person type the exact word, for what cannot be taken back; false when it was another. */
  typed(message: string, word: string): Promise<boolean>;
}
