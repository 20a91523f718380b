// A screen of a terminal, as tmux tells it with its colours, as a picture.

const CELL = { width: 8.4, height: 18 };
const PADDING = 14;
const ESCAPE = '\u001b';
const BACKGROUND = '#111827';
const FOREGROUND = '#e5e7eb';
/** The sixteen colours of a terminal, dark and bright. */
const COLOURS = [
  ...['#374151', '#f87171', '#4ade80', '#facc15', '#60a5fa', '#c084fc', '#22d3ee', '#d1d5db'],
  ...['#6b7280', '#fca5a5', '#86efac', '#fde047', '#93c5fd', '#d8b4fe', '#67e8f9', '#f9fafb'],
];
const PLAIN = { bold: false, dim: false, underline: false, inverse: false, colour: null, behind: null };

/** The SVG of a screen: lines of text with SGR sequences (ECMA-48, 8.3.117) and no other ones. */
export function screenAsSvg(screen, columns, title) {
  const lines = screen.replace(/\n+$/, '').split('\n');
  const [width, height] = [columns * CELL.width + 2 * PADDING, lines.length * CELL.height + 2 * PADDING];
  const texts = lines.flatMap((line, row) => spansOf(line).map((span) => drawn(span, row)));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(1)} ${String(height)}" role="img" aria-label="${escaped(title)}">`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" xml:space="preserve">`,
    ...texts,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

/** Parts of a line that look alike, each with the column that it begins in. */
function spansOf(line) {
  const spans = [];
  let [style, column] = [PLAIN, 0];
  for (const [place, part] of line.split(`${ESCAPE}[`).entries()) {
    // Before the first sequence there is text alone.
    const codes = place === 0 ? null : /^([\d;]*)m/.exec(part);
    if (codes !== null) style = restyled(style, codes[1]);
    const text = codes === null ? part : part.slice(codes[0].length);
    if (text === '') continue;
    spans.push({ text, column, style, cells: cellsOf(text) });
    column += cellsOf(text);
  }
  return spans;
}

function restyled(before, codes) {
  const numbers = codes.split(';').map(Number);
  let style = before;
  for (let place = 0; place < numbers.length; place += 1) {
    const code = numbers[place];
    if (code === 0) style = PLAIN;
    else if (code === 1) style = { ...style, bold: true };
    else if (code === 2) style = { ...style, dim: true };
    else if (code === 4) style = { ...style, underline: true };
    else if (code === 7) style = { ...style, inverse: true };
    else if (code === 22) style = { ...style, bold: false, dim: false };
    else if (code === 24) style = { ...style, underline: false };
    else if (code === 27) style = { ...style, inverse: false };
    else if (code === 38 || code === 48) {
      const [colour, used] = wideColour(numbers.slice(place + 1));
      style = { ...style, [code === 38 ? 'colour' : 'behind']: colour };
      place += used;
    } else style = { ...style, ...plainColour(code) };
  }
  return style;
}

function plainColour(code) {
  if (code >= 30 && code <= 37) return { colour: COLOURS[code - 30] };
  if (code >= 90 && code <= 97) return { colour: COLOURS[code - 82] };
  if (code >= 40 && code <= 47) return { behind: COLOURS[code - 40] };
  if (code >= 100 && code <= 107) return { behind: COLOURS[code - 92] };
  if (code === 39) return { colour: null };
  return code === 49 ? { behind: null } : {};
}

/** `5;n` of 256 colours, or `2;r;g;b`. Returns the colour and how many numbers it took. */
function wideColour([kind, ...rest]) {
  if (kind === 2) return [`rgb(${rest.slice(0, 3).join(',')})`, 4];
  const [index = 0] = rest;
  if (index < 16) return [COLOURS[index], 2];
  if (index >= 232)
    return [
      `rgb(${Array(3)
        .fill(8 + (index - 232) * 10)
        .join(',')})`,
      2,
    ];
  const level = (value) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return [`rgb(${[Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map(level).join(',')})`, 2];
}

function drawn({ text, column, style, cells }, row) {
  const [x, y] = [PADDING + column * CELL.width, PADDING + row * CELL.height];
  const [colour, behind] = style.inverse
    ? [style.behind ?? BACKGROUND, style.colour ?? FOREGROUND]
    : [style.colour ?? FOREGROUND, style.behind];
  const width = (cells * CELL.width).toFixed(1);
  const block =
    behind === null ? '' : `<rect x="${x.toFixed(1)}" y="${String(y)}" width="${width}" height="${String(CELL.height)}" fill="${behind}"/>`;
  if (text.trim() === '') return block;
  const looks = [
    `fill="${colour}"`,
    ...(style.bold ? ['font-weight="bold"'] : []),
    ...(style.dim ? ['opacity="0.6"'] : []),
    ...(style.underline ? ['text-decoration="underline"'] : []),
  ].join(' ');
  return `${block}<text x="${x.toFixed(1)}" y="${String(y + 14)}" textLength="${width}" lengthAdjust="spacingAndGlyphs" ${looks}>${escaped(text)}</text>`;
}

/** East Asian wide characters take two cells, combining marks none. */
function cellsOf(text) {
  let cells = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    cells += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return cells;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
