/** NUL and lone surrogates, which some stores reject or return as different text. */
export const UNKEEPABLE = /[\0\p{Surrogate}]/u;

/**
 * An object for keys that come from outside. It has no prototype, so that no key reads or sets an inherited property.
 */
export const byKey = <T>(...sources: Readonly<Record<string, T>>[]): Record<string, T> =>
  Object.assign(Object.create(null) as Record<string, T>, ...sources) as Record<string, T>;

/** How many keys an error names. */
const MOST_KEYS = 10;

/** A key of the data as an error may name it, because clients may have chosen it: as {@link shown}, unless it is a short word. */
export const keyShown = (key: string): string =>
  /^[\p{L}_$][\p{L}\p{N}_$-]{0,63}$/u.test(key) ? key : shown(key);

/** The first of these keys, and how many more there are. */
export function keysShown(keys: readonly string[]): string {
  const first = keys.slice(0, MOST_KEYS).map(keyShown).join(', ');
  return keys.length > MOST_KEYS ? `${first} and ${keys.length - MOST_KEYS} more` : first;
}

/**
 * A text of a client as a log may show it: in quotes, only visible ASCII, and cut. So it can neither begin another line
 * nor colour a terminal, nor reverse what follows it.
 */
export function shown(text: string, most = 100): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return `"${cut.replace(/[^\x20-\x7e…]|["\\]/g, '?')}"`;
}

/** A value of an option as a message shows it: as JSON, or its type where JSON cannot write it. */
export function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return `a value of type ${typeof value}`;
  }
}
