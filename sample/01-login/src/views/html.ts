/** Markup that is safe to put into a page. Made by {@link html} alone. */
export class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

export type Piece = Html | string | number | false | null | undefined | readonly Piece[];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * A template whose values are escaped, unless they are markup themselves; lists are joined, and `false`,
 * `null` and `undefined` are left out. Put values between tags or into quoted attributes only: in a script,
 * a style or an unquoted attribute this escaping is not enough.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Piece[]): Html {
  return new Html(strings.reduce((text, part, i) => text + written(values[i - 1]) + part));
}

function written(value: Piece): string {
  if (value instanceof Html) return value.toString();
  if (Array.isArray(value)) return (value as readonly Piece[]).map(written).join('');
  if (value === false || value === null || value === undefined) return '';
  return String(value as string | number).replace(/[&<>"']/g, (char) => ENTITIES[char]!);
}
