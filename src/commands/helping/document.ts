/** A part of docs/cli.md: what stands under a heading, up to the next one of its level or above. */
export interface Section {
  readonly title: string;
  readonly text: string;
}

/** Throws RangeError when there is none: the page and the program come from one release. */
export function sectionOf(page: string, title: string): Section {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title);
  const level = lines[start]?.indexOf(' ') ?? 0;
  if (start === -1) throw new RangeError(`docs/cli.md has no heading ${title}`);
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return {
    title,
    text: lines
      .slice(start + 1, length === -1 ? undefined : start + 1 + length)
      .join('\n')
      .trim(),
  };
}

/** The sections below a heading, in their order, without what stands above the first. */
export function subsectionsOf({ text }: Section): readonly Section[] {
  return text
    .split(/^### /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { title: part.slice(0, end), text: part.slice(end).trim() };
    });
}

/** What stands above the first subsection. */
export function introductionOf({ text }: Section): string {
  return (text.split(/^### /m)[0] ?? '').trim();
}

export type Block =
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly rows: readonly (readonly string[])[] };

/** The Markdown that docs/cli.md is written in, as plain text: no backticks, no links. A table comes without its head. */
export function blocksOf(text: string): readonly Block[] {
  return text
    .split(/\n\n+/)
    .filter((block) => block.trim() !== '')
    .map((block): Block => {
      if (block.startsWith('|')) return { kind: 'table', rows: block.split('\n').slice(2).map(cellsOf) };
      if (/^(- |\d+\. )/.test(block))
        return { kind: 'list', items: block.split(/\n(?=- |\d+\. )/).map((item) => plain(item.replace(/^(- |\d+\. )/, ''))) };
      return { kind: 'paragraph', text: plain(block) };
    });
}

function cellsOf(row: string): readonly string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => plain(cell));
}

function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('**', '')
    .replaceAll('`', '')
    .replaceAll(String.raw`\|`, '|')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
