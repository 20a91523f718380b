/** Stands for a part of the port that is still to be written; whoever uses it fails. */
export function notYet<Part extends object>(): new (...parts: readonly unknown[]) => Part {
  const absent = {
    get: (_: object, name: string | symbol) => () => {
      throw new RangeError(`not yet: ${String(name)}`);
    },
  };
  return class Absent {
    readonly given: readonly unknown[];
    constructor(...given: readonly unknown[]) {
      this.given = given;
      return new Proxy(this, absent);
    }
  } as unknown as new (...parts: readonly unknown[]) => Part;
}
