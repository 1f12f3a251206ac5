import { CookieJar } from 'tough-cookie';
import { send, type Answer } from '../support/browser.js';

/** The address under which a browser sees old and new nodes alike. */
const SITE = 'https://app.example/';

/** A browser in front of a load balancer: it keeps one jar of cookies for all nodes. */
export class Visitor {
  readonly jar: CookieJar;

  constructor(jar = new CookieJar(undefined, { prefixSecurity: 'strict' })) {
    this.jar = jar;
  }

  /** The Cookie header of the next request. */
  get cookie(): string {
    return this.jar.getCookieStringSync(SITE);
  }

  /** The names of the cookies that it has. */
  get names(): string[] {
    return this.jar.getCookiesSync(SITE).map(({ key }) => key);
  }

  get(node: { url: string }, path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send('GET', node, path, headers);
  }

  post(
    node: { url: string },
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.#send('POST', node, path, headers, body);
  }

  head(node: { url: string }, path: string): Promise<Answer> {
    return this.#send('HEAD', node, path, {});
  }

  async #send(
    method: string,
    { url }: { url: string },
    path: string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<Answer> {
    const { cookie } = this;
    const answer = await send(url + path, method, { ...(cookie && { cookie }), ...headers }, body);
    for (const one of answer.setCookies) this.jar.setCookieSync(one, SITE);
    return answer;
  }
}

/** A request with exactly this Cookie header: of a thief, or of a client that kept nothing. */
export const replay = (node: { url: string }, path: string, cookie: string, method = 'GET') =>
  send(node.url + path, method, { cookie });
