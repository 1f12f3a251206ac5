/** A cookie as a response sets it, its attributes by their names in lower case. */
export interface SetCookie {
  name: string;
  value: string;
  attributes: ReadonlyMap<string, string>;
}

/** As browsers read the header (RFC 6265 §5.2): of several attributes of one name, the last counts. */
export function parseSetCookie(header: string): SetCookie {
  const [pair = '', ...rest] = header.split(';');
  const [name, value] = split(pair);
  return {
    name,
    value,
    attributes: new Map(rest.map((one) => split(one)).map(([k, v]) => [k.toLowerCase(), v])),
  };
}

function split(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** The seconds for which a browser keeps the cookie, `undefined` until it is closed. Max-Age comes before Expires. */
export function lifetimeOf({ attributes }: SetCookie, now: number): number | undefined {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Number(maxAge);
  const expires = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(expires) ? undefined : (expires - now) / 1000;
}

export function isDeletion(cookie: SetCookie, now: number): boolean {
  const lifetime = lifetimeOf(cookie, now);
  return lifetime !== undefined && lifetime <= 0;
}
