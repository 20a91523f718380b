import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../', import.meta.url));

export function page(path: string): string {
  return readFileSync(`${ROOT}${path}`, 'utf8');
}

/** What stands under a heading, up to the next heading of its level or above; its own subheadings included. Throws if there is none. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`there is no heading ${heading}`);
  const level = heading.indexOf(' ');
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** The cells of the first table, without its head; backticks are left out. */
export function tableOf(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => /^\| ?[:-]/.test(line));
  const rows: string[][] = [];
  for (const line of first === -1 ? [] : lines.slice(first + 1)) {
    if (!line.startsWith('|')) break;
    const cells = line.split(/(?<!\\)\|/).slice(1, -1);
    rows.push(cells.map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')));
  }
  return rows;
}

/** Every text that is set as code and begins with `keyctl`: spans and lines of blocks, cut where the shell takes over. */
export function invocations(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```[^\n]*\n(.*?)^```/gms)].flatMap(([, block = '']) => block.split('\n'));
  const indented = text.split('\n').filter((line) => /^ {4}\S/.test(line));
  const spans = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...indented, ...spans].flatMap(commandsIn);
}

/** A recipe as a page: what is no comment is code, and so is what stands indented in a comment. */
export function recipeAsPage(text: string): string {
  return text
    .split('\n')
    .map((line) => (/^\s*#/.test(line) ? line.replace(/^\s*# {3,}/, '    ') : `    ${line.trim()}`))
    .join('\n');
}

/** `KEY=$(npx keyctl create --name prod)` holds `keyctl create --name prod`; comments and paths such as /etc/keyctl hold none. */
function commandsIn(line: string): readonly string[] {
  return line
    .split(/\$\(|[;&)]|\s[|<>]+\s/)
    .flatMap(
      (part) =>
        /^(?:\s*(?:sudo -u keyctl|npx|ExecStart=|[*\d ]+ keyctl)\s*)*((?:api)?keyctl(?: .*)?)$/.exec(
          part.trim().replace(/\s+[\d]?>.*$/, ''),
        )?.[1] ?? [],
    )
    .map((command) => command.replace(/^api/, ''));
}
