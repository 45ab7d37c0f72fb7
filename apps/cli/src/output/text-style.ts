import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

/** How a text for people is laid out. */
export interface TextStyle {
  /** Columns. */
  readonly width: number;
  readonly colours: Colours;
}

const defaultWidth = 140;

/** For files, and for whatever else is no terminal. */
export const plainStyle: TextStyle = { width: defaultWidth, colours: pc.createColors(false) };

/** Colours are for terminals only, where the environment does not forbid them (NO_COLOR); a program that reads gets none. */
export function styleOf(stream: { readonly isTTY?: boolean; readonly columns?: number }): TextStyle {
  if (stream.isTTY !== true) return plainStyle;
  return { width: stream.columns || defaultWidth, colours: pc.createColors(pc.isColorSupported) };
}

/** Controls (C0, C1) and what turns the direction of writing: with them a text could write to the user's terminal, or lie to its reader. */
const controls = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Shows the controls in a text that the scanned source, a tool or another user had a hand in. */
export function visible(text: string): string {
  return text.replace(controls, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** The same for a text of several lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** JSON on one line, with the same controls escaped: it means the same, and a terminal takes no orders from it. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
