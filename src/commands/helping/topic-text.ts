import { hanging, paragraph, rows } from '../../terminal/prose.ts';
import { blocksOf, introductionOf, sectionOf, subsectionsOf, type Block, type Section } from './document.ts';
import type { Topic } from './topics.ts';

/** The sections of docs/cli.md that each topic is; the page is the one place where they are written. */
const SECTIONS: Readonly<Record<Topic, readonly string[]>> = {
  environment: ['Environment variables', 'Which store'],
  'exit-codes': ['Exit codes', 'Error codes'],
  formatting: ['What is printed', 'How things are written'],
  json: ['JSON'],
};

/** A topic as text for a terminal of so many columns. */
export function topicText(topic: Topic, page: string, columns: number): string {
  const sections = SECTIONS[topic].map((title) => sectionOf(page, title));
  return sections.map((section) => [section.title.toUpperCase(), '', ...body(section, columns)].join('\n')).join('\n\n');
}

/** Of shapes of JSON the fields are told; what each means stands in docs/cli.md, which has a screen for each. */
function body(section: Section, columns: number): readonly string[] {
  const shapes = subsectionsOf(section);
  const introduction = blocksOf(introductionOf(section)).map((block) => drawn(block, columns));
  return [introduction.join('\n\n'), ...(shapes.length === 0 ? [] : ['', ...shapes.map((shape) => fields(shape, columns))])];
}

function fields({ title, text }: Section, columns: number): string {
  const named = blocksOf(text).flatMap((block) => (block.kind === 'table' ? block.rows.map(([name = '']) => name) : []));
  return hanging(title.replace('JSON: ', ''), named.join(', '), 20, columns);
}

function drawn(block: Block, columns: number): string {
  switch (block.kind) {
    case 'paragraph':
      return paragraph(block.text, columns);
    case 'list':
      return block.items.map((item) => hanging('  -', item, 4, columns)).join('\n');
    case 'table':
      return rows(block.rows, columns);
  }
}
