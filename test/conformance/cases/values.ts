/** A secret that no site has which is started without one. */
export const OTHER_SECRET = 'Zx8vQ2mK5tR7yB1nL4pW9cF3hJ6dG0sA-another-one';

/** A value without the mark of a signed cookie and without its signature: what authenticates whoever presents it. */
export function bodyOf(value: string): string {
  if (!value.includes('.')) return value;
  return value.replace(/^s:/, '').slice(0, -(value.length - value.lastIndexOf('.')));
}

/** The value with another character at one place. */
export function flipped(value: string, at: number): string {
  const other = value[at] === 'A' ? 'Q' : 'A';
  return value.slice(0, at) + other + value.slice(at + 1);
}

/** The attributes of a Set-Cookie after the value, by lower-case name. */
export function attributesOf(setCookie: string): Record<string, string> {
  const attributes = setCookie.split(';').slice(1);
  return Object.fromEntries(
    attributes.map((attribute) => {
      const [name = '', ...value] = attribute.trim().split('=');
      return [name.toLowerCase(), value.join('=')];
    }),
  );
}
