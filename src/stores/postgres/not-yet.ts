/** Stands for a part of the port that is still to be written; whoever uses it fails. */
export function notYet<Part extends object>(): new (...parts: unknown[]) => Part {
  const absent = new Proxy(
    {},
    {
      get: (_, name) => () => {
        throw new RangeError(`not yet: ${String(name)}`);
      },
    },
  );
  return class {
    constructor() {
      return absent;
    }
  } as unknown as new (...parts: unknown[]) => Part;
}
