import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BINARY, type Outcome } from '../harness.ts';
import { ask } from '../system/http-client.ts';
import { start, type Running } from '../system/running.ts';

const BUILD = fileURLToPath(new URL('build-program.js', import.meta.url));

function run(args: readonly string[], stdin = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() };
    const child = execFile(process.execPath, args, { env, maxBuffer: 64 * 1_048_576 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(new Error(error.message));
      else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}

/** A server of one program, and who asks it. */
export interface Server {
  readonly process: Running;
  /** The code of one request's verdict. */
  verify(apiKey: string): Promise<string>;
}

/** One keyctl with its binary and its schema, as an operator would have it installed. */
export class Program {
  readonly name: string;
  readonly #folder: string | null;
  readonly #binary: string;

  private constructor(name: string, folder: string | null) {
    this.name = name;
    this.#folder = folder;
    this.#binary = folder === null ? BINARY : join(folder, 'bin/keyctl.js');
  }

  /** The one that was built by `npm run build`. */
  static present(): Program {
    return new Program('the present program', null);
  }

  /** Builds one of another schema; see build-program.js. */
  static async build(folder: string, schema: string, sql = ''): Promise<Program> {
    const { code, stderr } = await run([BUILD, folder, schema, ...(sql === '' ? [] : [sql])]);
    if (code !== 0) throw new Error(`the program of schema ${schema} could not be built: ${stderr}`);
    return new Program(`the program of schema ${schema}`, folder);
  }

  /** Makes a store with something of everything in it, and returns what fill.ts prints. */
  async fill<Filled>(db: string): Promise<Filled> {
    return (await this.#script('fill.js', db)) as Filled;
  }

  /** What read.ts prints of a store. */
  async read(db: string): Promise<Readonly<Record<string, unknown>>> {
    return (await this.#script('read.js', db)) as Readonly<Record<string, unknown>>;
  }

  async #script(name: string, db: string): Promise<unknown> {
    if (this.#folder === null) throw new RangeError('only a program that was built for a test has scripts of it');
    const { code, stdout, stderr } = await run([join(this.#folder, 'dist', name), db]);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as unknown;
  }

  call(db: string, args: readonly string[], stdin = ''): Promise<Outcome> {
    return run([this.#binary, '--db', db, ...args], stdin);
  }

  /** A command that has to succeed; its stdout. */
  async does(db: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.call(db, args);
    if (code !== 0) throw new Error(`${this.name}: keyctl ${args.join(' ')} exited ${String(code)}: ${stderr}`);
    return stdout.trim();
  }

  async json(db: string, ...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.does(db, ...args, '--json')) as unknown;
  }

  async serve(db: string): Promise<Server> {
    const process_ = start(process.execPath, [this.#binary, '--db', db, 'serve', '--port', '0'], {});
    const [, port] = await process_.said(/http:\/\/127\.0\.0\.1:(\d+)/);
    const verify = async (apiKey: string): Promise<string> => {
      const { headers } = await ask(Number(port), { path: '/verify', headers: { 'X-API-Key': apiKey } });
      return String(headers['x-keyctl-code']);
    };
    return { process: process_, verify };
  }
}
