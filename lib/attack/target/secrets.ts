/** Shorter ones are no secrets, and would take words out of the report. */
const SHORTEST = 4;

const REDACTED = '[redacted]';

/** Everything that no report may show: passwords, values of cookies, tokens against CSRF. */
export class Secrets {
  readonly #known = new Set<string>();

  add(secret: string): void {
    for (const form of [secret, decoded(secret), encodeURIComponent(wellFormed(secret))]) {
      if (form.length >= SHORTEST) this.#known.add(form);
    }
  }

  redact(text: string): string {
    // The longer first: one may be a part of another.
    const longest = [...this.#known].sort((one, other) => other.length - one.length);
    return longest.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  }
}

/** A text that is no escape of a URL is taken as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Half of a surrogate pair cannot be encoded. */
const wellFormed = (text: string): string => Buffer.from(text).toString();
