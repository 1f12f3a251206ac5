/**
 * Notes the session cookies that clients of a spec receive, and what the application writes where none may
 * appear: logs, events, errors at boot. `no-disclosure.ts` compares them after each test.
 */
class Disclosure {
  /** Blocks of what is secret, so that a part of it is found as well. */
  readonly #marks = new Set<string>();
  readonly #written: { where: string; text: string }[] = [];

  /** A Set-Cookie header. What a client sends may be forged, with a public id in it. */
  cookie(header: string): void {
    for (const pair of header.split(/[;,]\s*/)) {
      const value = decoded(pair.slice(pair.indexOf('=') + 1));
      // An id of a session is public, and shorter than any secret, signature or sealed text.
      for (const part of value.split(/[.|:]/)) if (part.length > 32) this.secret(part);
    }
  }

  secret(text: string): void {
    for (let at = 0; at + LENGTH <= text.length; at += LENGTH) this.#marks.add(text.slice(at, at + LENGTH));
  }

  written(where: string, text: string): void {
    this.#written.push({ where, text });
  }

  /** What shows a secret, or a good part of it. Everything noted so far is forgotten. */
  take(): string[] {
    const found = this.#written.filter(({ text }) => this.#shows(text));
    this.#written.length = 0;
    this.#marks.clear();
    return found.map(({ where, text }) => `${where}: ${text}`);
  }

  #shows(text: string): boolean {
    if (this.#marks.size === 0) return false;
    for (const [word] of decoded(text).matchAll(WORD))
      for (let at = 0; at + LENGTH <= word.length; at++)
        if (this.#marks.has(word.slice(at, at + LENGTH))) return true;
    return false;
  }
}

/** 72 bits, which are nowhere by chance. Twice as many characters of a secret have such a block in them. */
const LENGTH = 12;

/** What tokens and sealed texts consist of. */
const WORD = /[\w+/-]{12,}/g;

const decoded = (text: string): string => text.replace(/%2[BF]/gi, decodeURIComponent).replace(/%3A/gi, ':');

export const disclosure = new Disclosure();
