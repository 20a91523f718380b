const absent = {
  get: (_: object, name: string | symbol) => () => {
    throw new RangeError(`not yet: ${String(name)}`);
  },
};

type PartClass<Part> = new (...parts: readonly unknown[]) => Part;

/** Stands for a part of the port that is still to be written; whoever uses it fails. */
export function notYet<Part extends object>(): PartClass<Part> {
  const Absent = function (): Part {
    return new Proxy({}, absent) as Part;
  };
  return Absent as unknown as PartClass<Part>;
}
