/** Marks beside words. */
export interface Marks {
  /** Where something is left out: a text that is cut, the middle of a secret, rows that have no room. */
  readonly cut: string;
  /** Before what to do next, and between what was and what became of it. */
  readonly arrow: string;
  readonly passes: string;
  readonly fails: string;
}

/** What pictures are drawn with. Every glyph takes one place; marks may take more. */
export interface Glyphs extends Marks {
  readonly full: string;
  /** For what was turned away: told from `full` without colours as well. */
  readonly denied: string;
  /** The part of a bar that is still empty. */
  readonly empty: string;
  /** The line of an allowance. */
  readonly line: string;
  /** The axes of a chart: beside it, under it, and where they meet. */
  readonly side: string;
  readonly ground: string;
  readonly corner: string;
  /** The end of a bar that goes to the right: how full its last place is, from the least to almost all. */
  readonly rightward: readonly string[];
  /** The same of a bar that goes up. */
  readonly upward: readonly string[];
}

const UNICODE: Glyphs = {
  ...{ full: '█', denied: '▒', empty: '░', line: '─', side: '┤', ground: '─', corner: '┴' },
  rightward: ['▏', '▎', '▍', '▌', '▋', '▊', '▉'],
  upward: ['▁', '▂', '▃', '▄', '▅', '▆', '▇'],
  ...{ cut: '…', arrow: '→', passes: '✓', fails: '✗' },
};

const ASCII: Glyphs = {
  ...{ full: '#', denied: 'x', empty: '.', line: '-', side: '|', ground: '-', corner: '+' },
  rightward: [],
  upward: ['.', ':', '|'],
  ...{ cut: '...', arrow: '->', passes: '+', fails: 'x' },
};

export function glyphs(unicode: boolean): Glyphs {
  return unicode ? UNICODE : ASCII;
}

/** A masked secret as a person sees it; scripts and JSON have it as it is stored, whatever the locale. */
export function shownMask(mask: string, { cut }: Marks): string {
  return mask.replace(UNICODE.cut, cut);
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether the terminal shows block elements, from what it and the locale say of themselves. Linux's own console has only some of them, and
 * Windows' old one none. On a Mac a shell that says nothing of its locale has UTF-8 all the same; elsewhere that is the C locale.
 */
export function speaksUnicode(env: Environment, platform: string): boolean {
  const terminal = env['TERM'] ?? '';
  if (platform === 'win32') return Boolean(env['WT_SESSION']) || env['TERM_PROGRAM'] === 'vscode' || terminal.startsWith('xterm');
  if (terminal === 'linux' || terminal === 'dumb') return false;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return locale === '' ? platform === 'darwin' : /utf-?8/i.test(locale);
}
