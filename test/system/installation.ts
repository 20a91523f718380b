import { BINARY, keyctl, temporaryFolder } from '../harness.ts';
import { jsonListOf, jsonOf } from './http-client.ts';
import { start, type Running } from './running.ts';

export interface Customer {
  readonly account: string;
  readonly secret: string;
  readonly keyId: string;
}

/** A store of its own, worked on by the real binary alone. */
export class Installation {
  readonly folder: string;
  readonly db: string;
  /** What every process gets in its environment. */
  env: Readonly<Record<string, string>> = {};
  readonly #cleanUp: () => void;

  /** The store is a file in the folder, unless it is said to be elsewhere. */
  constructor(location?: string) {
    const { path, cleanUp } = temporaryFolder();
    this.folder = path;
    this.db = location ?? `${path}/keyctl.db`;
    this.#cleanUp = cleanUp;
  }

  /** Runs a command that has to succeed and returns its stdout. */
  async run(args: readonly string[], expected = 0): Promise<string> {
    const { code, stdout, stderr } = await keyctl(args, { db: this.db, env: this.env });
    if (code !== expected) throw new Error(`keyctl ${args.join(' ')} exited ${String(code)}: ${stderr}`);
    return stdout;
  }

  /** An account with a tier of its own and one production key, `<name>/main`. Without `rate` it has no rate limit. */
  async customer(name: string, { credits, rate }: { credits: number; rate?: string }): Promise<Customer> {
    const limit = rate === undefined ? [] : ['--rate', rate, '--burst', '1'];
    await this.run(['tier', 'create', name, '--daily-credits', String(credits), ...limit]);
    await this.run(['account', 'create', name, '--tier', name]);
    return this.key(name, 'main');
  }

  async key(account: string, name: string, more: readonly string[] = []): Promise<Customer> {
    const { id, apiKey } = jsonOf(await this.run(['create', '--account', account, '--name', name, '--json', ...more]));
    return { account, secret: String(apiKey), keyId: String(id) };
  }

  /** Every debit of the store, newest first. */
  async debits(more: readonly string[] = []): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return jsonListOf(await this.run(['debits', '--limit', '1000000', '--json', ...more]));
  }

  /** Starts `keyctl serve` and resolves with it and its port when it listens. */
  async serve(args: readonly string[], port = 0): Promise<{ readonly process: Running; readonly port: number }> {
    const process_ = start(process.execPath, [BINARY, 'serve', '--port', String(port), ...args], { KEYCTL_DB: this.db, ...this.env });
    const [, chosen] = await process_.said(/http:\/\/127\.0\.0\.1:(\d+)/);
    return { process: process_, port: Number(chosen) };
  }

  remove(): void {
    this.#cleanUp();
  }
}
