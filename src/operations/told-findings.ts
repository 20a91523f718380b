import { fault, fine, type CheckId, type Finding, type Whose } from '../domain/finding.ts';

/** How many findings of one check are told one by one. */
const MOST_TOLD = 20;

/** What is found wrong while walking: the first of each check, and how many more there were. */
export class ToldFindings {
  readonly #first = new Map<CheckId, Finding[]>();
  readonly #counts = new Map<CheckId, number>();

  fault(id: CheckId, message: string, hint: string, whose: Whose = {}): void {
    this.count(id, 1);
    const first = this.#first.get(id) ?? [];
    this.#first.set(id, first);
    if (first.length < MOST_TOLD) first.push(fault(id, message, hint, whose));
  }

  /** Counts what is not told. */
  count(id: CheckId, more: number): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + more);
  }

  of(id: CheckId): number {
    return this.#counts.get(id) ?? 0;
  }

  /** What was found wrong, and for each check that found nothing the sentence that then holds. */
  findings(holds: Partial<Readonly<Record<CheckId, string>>>): readonly Finding[] {
    const wrong = [...this.#counts].flatMap(([id, count]) => {
      const first = this.#first.get(id) ?? [];
      const more = count - first.length;
      if (more === 0) return first;
      const message = first.length === 0 ? `${String(more)} accounts look wrong as well.` : `And ${String(more)} more like these.`;
      return [...first, fault(id, message, 'Those that are told are the first.')];
    });
    const right = Object.entries(holds) as [CheckId, string][];
    return [...wrong, ...right.filter(([id]) => this.of(id) === 0).map(([id, sentence]) => fine(id, sentence))];
  }
}
