import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CookieJar } from 'tough-cookie';
import { disclosure } from './disclosure.js';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The Set-Cookie headers, as they came. */
  setCookies: string[];
  json<T = Record<string, unknown>>(): T;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: unknown;
  /** Sends exactly this Cookie header; '' sends none. The jar stays as it is. */
  cookie?: string;
}

/**
 * A client with a cookie jar that follows RFC 6265bis, of one site that it sees over HTTPS: the
 * application under test listens on loopback, where `Secure` is not about the wire.
 */
export class Browser {
  readonly jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
  readonly #url: string;
  readonly #site: string;

  constructor(url: string) {
    this.#url = url;
    this.#site = url.replace('http:', 'https:');
  }

  get(path: string, ask: Ask = {}): Promise<Answer> {
    return this.send(path, { method: 'GET', ...ask });
  }

  post(path: string, body?: unknown, ask: Ask = {}): Promise<Answer> {
    return this.send(path, { method: 'POST', body, ...ask });
  }

  /** The Cookie header that the next request would have: what a thief copies. */
  get cookie(): string {
    return this.jar.getCookieStringSync(this.#site);
  }

  async send(path: string, { method = 'GET', headers = {}, body, cookie }: Ask): Promise<Answer> {
    const replay = cookie !== undefined;
    const sent = replay ? cookie : this.cookie;
    const answer = await send(this.#url + path, method, { ...headers, ...(sent && { cookie: sent }) }, body);
    if (!replay)
      for (const one of answer.setCookies) await this.jar.setCookie(one, this.#site, { ignoreError: true });
    return answer;
  }
}

/** One request with exactly these headers; over HTTPS with whatever certificate. */
export function send(
  url: string,
  method: string,
  headers: Record<string, string | string[]>,
  body?: unknown,
): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method,
        rejectUnauthorized: false,
        headers: {
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const content = Buffer.concat(chunks).toString();
          const { 'set-cookie': setCookies = [] } = response.headers;
          setCookies.forEach((one) => disclosure.cookie(one));
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body: content,
            setCookies,
            json: <T>() => JSON.parse(content) as T,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
