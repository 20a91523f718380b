import { KeyctlError } from '../../domain/error.ts';
import type { Connection } from './connection.ts';
import type { Answer, Statement } from './statements.ts';
import { checkStillUsable } from './usable.ts';

/** The ends of a connection's transactions, and whether they came. */
export class Commits {
  readonly #connection: Connection;
  readonly #place: string;
  #pending = false;

  constructor(connection: Connection, place: string) {
    this.#connection = connection;
    this.#place = place;
  }

  /** A commit was asked for, and nobody knows what became of it. */
  get pending(): boolean {
    return this.#pending;
  }

  /** To be called when a transaction begins. */
  begin(): void {
    this.#pending = false;
    this.#connection.takeWarning();
  }

  /** Sends the last statements of a transaction with its end. After one that fails nothing is committed, and the transaction is still open. */
  async send(statements: readonly Statement[]): Promise<void> {
    this.#pending = true;
    try {
      const answers = await this.#connection.together([...statements, { text: 'COMMIT', name: 'commit' }]);
      this.#check(answers.at(-1));
    } finally {
      this.#pending = this.#connection.failure !== null;
    }
  }

  /** A transaction in which a statement failed is rolled back by COMMIT; one that a standby has not confirmed is committed with a warning. */
  #check(answer: Answer | undefined): void {
    if (answer?.command === 'COMMIT' && !this.#connection.takeWarning()) return;
    throw new KeyctlError('store_busy', `Whether ${this.#place} has kept the last change is unknown.`, {
      hint: 'Look before you try again; a retry with the same request id is charged once.',
    });
  }

  /** Throws `store_newer` when a newer program has moved the store on. */
  checkUsable(usableSince: number, movedTo: string | null = null): void {
    checkStillUsable(this.#place, usableSince, movedTo);
  }
}
