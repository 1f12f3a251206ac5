import { randomInt } from 'node:crypto';

const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const CLASSES = [DIGITS, 'abcdef', 'ABCDEF', LOWER, LOWER.toUpperCase()];

/** A text of the same form with other letters and digits, such as somebody makes up who knows the form only. */
export const invented = (text: string): string =>
  pieces(text, (piece) => piece.replace(/[0-9A-Za-z]/g, (one) => another(one)));

/** The same with one character replaced by another of its class. */
export const flipped = (text: string, at: number): string =>
  text.slice(0, at) + another(text.charAt(at)) + text.slice(at + 1);

/** Where a text can be flipped: letters and digits, but for the last of a part, of which Base64 may overlook some bits. */
export function positions(text: string): number[] {
  const escapes = new Set(
    [...text.matchAll(/%[0-9a-f]{2}/gi)].flatMap(({ index }) => [index, index + 1, index + 2]),
  );
  return [...text].flatMap((one, at) => {
    const last = !/[\w-]/.test(text.charAt(at + 1));
    return /[0-9A-Za-z]/.test(one) && !last && !escapes.has(at) ? [at] : [];
  });
}

export function everyValue(
  token: ReadonlyMap<string, string>,
  change: (value: string) => string,
): ReadonlyMap<string, string> {
  return new Map([...token].map(([name, value]) => [name, change(value)]));
}

/** Leaves the escapes of a URL alone. */
const pieces = (text: string, change: (piece: string) => string): string =>
  text
    .split(/(%[0-9a-f]{2})/i)
    .map((piece, i) => (i % 2 === 1 ? piece : change(piece)))
    .join('');

function another(one: string): string {
  const within = CLASSES.find((chars) => chars.includes(one)) ?? DIGITS;
  const others = [...within].filter((char) => char !== one);
  return others[randomInt(others.length)]!;
}
