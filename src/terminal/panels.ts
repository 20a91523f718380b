import { fitText, padText, widthOf, wrapWords } from './fit.ts';
import type { GaugeStyle } from './gauges.ts';

/** A part of a screen; one without lines is left out. */
export interface Panel {
  readonly title: string;
  readonly lines: readonly string[];
}

/** A fact with its label. The value is plain text; `paint` colours it. */
export interface Fact {
  readonly label: string;
  readonly value: string;
  readonly paint?: (text: string) => string;
}

/** Between two columns of panels. */
export const BETWEEN = 4;

/** Panels under each other, an empty line between two; a title that is too long for the places is cut. */
export function stacked(panels: readonly Panel[], { places, glyphs, paint }: GaugeStyle): readonly string[] {
  return panels
    .filter(({ lines }) => lines.length > 0)
    .flatMap(({ title, lines }, place) => [
      ...(place === 0 ? [] : ['']),
      ...(title === '' ? [] : [paint.bold(fitText(title, Math.min(places, widthOf(title)), glyphs.cut))]),
      ...lines,
    ]);
}

/** Two columns, of which the left one has so many places; no line of it may be wider. */
export function sideBySide(left: readonly string[], right: readonly string[], places: number): readonly string[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, place) =>
    `${padText(left[place] ?? '', places)}${' '.repeat(BETWEEN)}${right[place] ?? ''}`.trimEnd(),
  );
}

/** Labels with their values under each other; a long value goes on in the next line, and a word that is too long for one is cut. */
export function factLines(facts: readonly Fact[], { places, glyphs, paint }: GaugeStyle): readonly string[] {
  const label = Math.min(Math.max(...facts.map((fact) => widthOf(fact.label))) + 2, Math.floor(places / 2));
  return facts.flatMap((fact) => {
    const color = fact.paint ?? ((text: string) => text);
    const lines = wrapWords(fact.value, places - label).split('\n');
    return lines.map((line, place) => {
      const text = widthOf(line) > places - label ? fitText(line, places - label, glyphs.cut) : line;
      return paint.dim(fitText(place === 0 ? `${fact.label}:` : '', label, glyphs.cut)) + color(text);
    });
  });
}
