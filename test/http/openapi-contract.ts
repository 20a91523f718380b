import { expect } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Answer } from './served.ts';

interface Response {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: object }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** What HTTP itself adds to an answer. */
const OF_THE_CONNECTION = new Set(['date', 'connection', 'keep-alive', 'content-length', 'content-type', 'transfer-encoding']);

/** Compiles the schemas of documents that have the same components, each once: that takes longer than most tests. */
class Compiler {
  readonly #ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(components: object) {
    formats.default(this.#ajv);
    this.#ajv.addKeyword('components');
    this.#ajv.addSchema({ $id: 'https://keyctl.test/openapi.json', components: closed(components) });
  }

  of(schema: object): ValidateFunction {
    const rooted = JSON.stringify(schema).replaceAll('"#/components/', '"https://keyctl.test/openapi.json#/components/');
    const validate = this.#compiled.get(rooted) ?? this.#ajv.compile(JSON.parse(rooted) as object);
    this.#compiled.set(rooted, validate);
    return validate;
  }
}

/** The components as this release has them: later ones may add fields, which the document leaves open, and this one has no others. */
function closed(components: object): object {
  const text = JSON.stringify(components, (_, value: unknown) =>
    isRecord(value) && value['type'] === 'object' && 'properties' in value ? { additionalProperties: false, ...value } : value,
  );
  return JSON.parse(text) as object;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

const COMPILERS = new Map<string, Compiler>();

function compilerOf(components: object): Compiler {
  const text = JSON.stringify(components);
  const compiler = COMPILERS.get(text) ?? new Compiler(components);
  COMPILERS.set(text, compiler);
  return compiler;
}

/** The document that a server has at /openapi.json, to hold its answers to, and a list of what was seen. */
export class Contract {
  readonly document: Document;
  readonly #compiler: Compiler;
  readonly #seen = new Set<string>();

  constructor(text: string) {
    this.document = JSON.parse(text) as Document;
    this.#compiler = compilerOf(this.document.components);
  }

  /** What is wrong with the document as OpenAPI. */
  async faults(): Promise<unknown> {
    const { valid, errors } = await new Validator().validate(structuredClone(this.document) as unknown as Record<string, unknown>);
    return valid ? [] : errors;
  }

  /** Holds an answer to what the document says of its path, method and status, and returns it. */
  check(path: string, method: string, answer: Answer): Answer {
    const template = this.#templateOf(path);
    const response = this.document.paths[template]?.[method.toLowerCase()]?.responses[String(answer.status)];
    if (response === undefined) throw new Error(`the document has no ${method} ${path} with ${String(answer.status)}`);
    this.#hold(response, method, answer);
    this.#seen.add(seenAs(template, answer.status, codeOf(answer)));
    return answer;
  }

  /** Every path, status and code of the document that no answer had yet. */
  unseen(): string[] {
    const promised = Object.entries(this.document.paths).flatMap(([template, item]) =>
      Object.values(item).flatMap(({ responses }) =>
        Object.entries((responses as Operation['responses'] | undefined) ?? {}).flatMap(([status, response]) =>
          codesIn(response).map((code) => seenAs(template, Number(status), code)),
        ),
      ),
    );
    return [...new Set(promised)].filter((one) => !this.#seen.has(one));
  }

  /** Holds a body to one of the document's schemas. */
  fits(schema: object, value: unknown): void {
    const validate = this.#compiler.of(schema);
    validate(value);
    expect([validate.errors ?? [], value]).toEqual([[], value]);
  }

  #templateOf(path: string): string {
    const [bare = ''] = path.split('?');
    const fitting = Object.keys(this.document.paths).filter((template) => {
      const pattern = template.replace('{rest}', '.*').replaceAll(/\{\w+\}/g, '[^/]*');
      return new RegExp(`^${pattern}$`).test(bare);
    });
    return fitting[0] ?? 'no path';
  }

  #hold({ headers = {}, content = {} }: Response, method: string, answer: Answer): void {
    const documented = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
    for (const [name, { required, schema }] of documented) {
      const value = answer.headers[name];
      if (required === true) expect([...Object.keys(answer.headers), answer.status]).toContain(name);
      if (value !== undefined) this.fits(schema, value);
    }
    for (const name of Object.keys(answer.headers)) {
      if (!OF_THE_CONNECTION.has(name)) expect([...documented.keys()]).toContain(name);
    }
    const [type = ''] = (answer.headers['content-type'] ?? '').split(';');
    expect(Object.keys(content)).toContain(type);
    if (method === 'HEAD' && answer.body === '') return;
    this.fits(content[type]?.schema ?? {}, type.endsWith('json') ? JSON.parse(answer.body) : answer.body);
  }
}

function seenAs(template: string, status: number, code: string): string {
  return `${template} ${String(status)} ${code}`.trimEnd();
}

function codeOf(answer: Answer): string {
  return answer.status === 200 ? '' : String(answer.headers['x-keyctl-code']);
}

/** The codes that a documented response may have; an admission has none to tell apart. */
function codesIn(response: Response): string[] {
  const schema = response.content?.['application/problem+json']?.schema as { properties: { code: { enum: string[] } } } | undefined;
  return schema === undefined ? [''] : schema.properties.code.enum;
}

/** An answer as it came off the wire, whole. */
export function parseAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const pairs = fields.map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1).trim()] as const);
  return {
    status: Number(line.split(' ')[1]),
    headers: Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value])),
    rawHeaders: pairs.flat(),
    body: text.slice(end + 4),
  };
}
