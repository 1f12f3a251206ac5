import { distance } from 'fastest-levenshtein';

/** Collects everything that is wrong with a config, so that it is mended at once. */
export class Complaints {
  readonly #found: string[] = [];

  add(path: string, complaint: string): undefined {
    const text = path === '' ? complaint : `${path}: ${complaint}`;
    if (!this.#found.includes(text)) this.#found.push(text);
  }

  get list(): readonly string[] {
    return this.#found;
  }

  /** The value as an object with these keys at most, or `undefined`. */
  object(
    value: unknown,
    path: string,
    known?: readonly string[],
  ): Readonly<Record<string, unknown>> | undefined {
    if (!isObject(value)) return this.add(path, `give an object, not ${kindOf(value)}.`);
    for (const key of Object.keys(value)) {
      if (known && !known.includes(key)) this.add(path, unknownKey(key, known));
    }
    return value;
  }

  /** An object of which every value is a text. */
  texts(value: unknown, path: string): Readonly<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const [key, one] of Object.entries(this.object(value, path) ?? {})) {
      const text = this.text(one, `${path}.${key}`);
      if (text !== undefined) found[key] = text;
    }
    return found;
  }

  text(value: unknown, path: string): string | undefined {
    if (typeof value === 'string' && value !== '') return value;
    return this.add(path, value === undefined ? 'is missing.' : `give a text, not ${kindOf(value)}.`);
  }

  /** A path of the target: no other host can be meant by it. */
  path(value: unknown, path: string): string | undefined {
    const text = this.text(value, path);
    if (text === undefined || (text.startsWith('/') && !/[\s\\]/.test(text))) return text;
    return this.add(path, 'give a path that begins with "/", without a host and without spaces.');
  }

  paths(value: unknown, path: string): readonly string[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.add(path, `give a list of paths, not ${kindOf(value)}.`);
      return [];
    }
    return value.map((one, i) => this.path(one, `${path}[${i}]`) ?? '');
  }

  pattern(value: unknown, path: string): string | undefined {
    const text = this.text(value, path);
    if (text === undefined) return undefined;
    try {
      new RegExp(text);
      return text;
    } catch {
      return this.add(path, 'is no regular expression.');
    }
  }

  pointer(value: unknown, path: string): string | undefined {
    if (value === '') return '';
    const text = this.text(value, path);
    if (text === undefined || text.startsWith('/')) return text;
    return this.add(path, 'give a JSON pointer, such as "/user/name".');
  }

  count(value: unknown, path: string, [least, most, usual]: readonly [number, number, number]): number {
    if (value === undefined) return usual;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.add(path, `give a whole number from ${least} to ${most}.`);
    return usual;
  }
}

export function unknownKey(key: string, known: readonly string[], what = 'key'): string {
  const near = known
    .map((name) => ({ name, away: distance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((one, other) => one.away - other.away)[0];
  const hint = near && near.away <= Math.max(2, near.name.length / 3) ? ` Did you mean "${near.name}"?` : '';
  return `unknown ${what} "${key}".${hint} Known: ${known.join(', ')}.`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === '') return 'an empty one';
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
