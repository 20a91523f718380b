import { Socket } from 'node:net';

/** A socket whose other end reads when the test says so. What the test pushes is all that comes in. */
export class SlowSocket extends Socket {
  /** How many writes have begun. */
  written = 0;
  letGo: () => void = () => undefined;

  constructor() {
    super({ allowHalfOpen: true });
    Object.assign(this, { connecting: false });
  }

  override _read(): void {
    // What the test pushes is all that there is.
  }

  override _write(_: unknown, __: unknown, done: () => void): void {
    this.written += 1;
    this.letGo = done;
  }

  override _final(done: () => void): void {
    done();
  }
}
