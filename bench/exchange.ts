const HEAD_END = Buffer.from('\r\n\r\n');

/** What a connection sends, and what it takes for the right answer. */
export interface Exchange {
  /** The next request. */
  readonly request: Buffer;
  /** `true` for the right answer, `false` for one that is not complete yet; anything else throws. */
  accept(answer: Buffer): boolean;
}

/** What is asked, and what the answer has to be. */
export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  cookies: Map<string, string>;
  /** The body that the next answer has to have. */
  expect(): string;
}

/** One request that is sent again and again, with whatever cookies its answers set. */
export class Repeated implements Exchange {
  readonly #ask: Ask;
  readonly #port: number;
  #expected: string;
  /** The last answer that was found right, byte for byte: the same bytes need no second look. */
  #right: Buffer | undefined;
  request: Buffer;

  constructor(port: number, ask: Ask) {
    this.#port = port;
    this.#ask = ask;
    this.#expected = ask.expect();
    this.request = this.#write();
  }

  accept(buffer: Buffer): boolean {
    if (this.#right?.equals(buffer)) return true;
    const answer = parse(buffer);
    if (!answer) return false;
    assertRight(answer, this.#ask, this.#expected);
    const changed = this.#takeCookies(answer.head);
    const before = this.#expected;
    this.#expected = this.#ask.expect();
    this.#right = changed || this.#expected !== before ? undefined : Buffer.from(buffer);
    return true;
  }

  #takeCookies(head: string): boolean {
    const set = head.match(/^set-cookie: .*$/gim) ?? [];
    for (const line of set) {
      const [, name, value] = /^set-cookie: ([^=]+)=([^;]*)/i.exec(line)!;
      this.#ask.cookies.set(name!, value!.trim());
    }
    if (set.length > 0) this.request = this.#write();
    return set.length > 0;
  }

  #write(): Buffer {
    const { cookies } = this.#ask;
    return write(this.#port, this.#ask, cookies.size === 0 ? undefined : cookieHeader(cookies));
  }
}

/** Somebody, with the Cookie header of their session, and the body that only they get. */
export interface Visitor {
  cookie: string;
  body: string;
}

/** Each request is somebody else's. */
export class Drawn implements Exchange {
  readonly #port: number;
  readonly #path: string;
  readonly #draw: () => Visitor;
  #visitor: Visitor;
  request: Buffer;

  constructor(port: number, path: string, draw: () => Visitor) {
    this.#port = port;
    this.#path = path;
    this.#draw = draw;
    this.#visitor = draw();
    this.request = this.#write();
  }

  accept(buffer: Buffer): boolean {
    const answer = parse(buffer);
    if (!answer) return false;
    assertRight(answer, { method: 'GET', path: this.#path }, this.#visitor.body);
    if (/^set-cookie:/im.test(answer.head)) throw new Error('a session was rolled, and its next cookie lost');
    this.#visitor = this.#draw();
    this.request = this.#write();
    return true;
  }

  #write(): Buffer {
    return write(this.#port, { method: 'GET', path: this.#path }, this.#visitor.cookie);
  }
}

interface Parsed {
  head: string;
  body: string;
}

/** `undefined` as long as something is missing. */
function parse(answer: Buffer): Parsed | undefined {
  const headEnd = answer.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = answer.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  if (!length) throw new Error(`an answer without a length: ${head}`);
  const bodyStart = headEnd + HEAD_END.length;
  if (answer.length < bodyStart + Number(length[1])) return undefined;
  return { head, body: answer.toString('utf8', bodyStart) };
}

function assertRight(
  { head, body }: Parsed,
  { method, path }: Pick<Ask, 'method' | 'path'>,
  expected: string,
): void {
  if (head.startsWith('HTTP/1.1 200 ') && body === expected) return;
  throw new Error(
    `${method} ${path}: expected 200 ${expected}, got ${head.slice(9, 12)} ${body.slice(0, 300)}`,
  );
}

function write(port: number, { method, path }: Pick<Ask, 'method' | 'path'>, cookie?: string): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Accept: application/json',
    'User-Agent: bench',
    ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
    ...(method === 'POST' ? ['Content-Length: 0'] : []),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

export const cookieHeader = (cookies: ReadonlyMap<string, string>): string =>
  [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
