import type { Contender } from './contenders.js';
import { bindingOf } from './device.js';
import { Repeated } from './exchange.js';
import { Connection, request, type Answer } from './load.js';
import type { Server } from './processes.js';
import { MEANINGLESS, subjectOf, type Profile } from './profiles.js';

type Cookies = Map<string, string>;

/** Connections that are logged in as the profile wants it, each as another user. */
export class Visitors {
  private constructor(
    readonly connections: readonly Connection[],
    /** By connection; kept up to date with what answers set. */
    readonly cookies: readonly Cookies[],
  ) {}

  static async come(
    server: Server,
    contender: Contender,
    profile: Profile,
    count: number,
  ): Promise<Visitors> {
    const connections: Connection[] = [];
    const all: Cookies[] = [];
    const { bytes } = profile;
    for (let i = 0; i < count; i++) {
      const cookies: Cookies = bytes === undefined ? new Map() : await identify(server, contender, i, bytes);
      const ask = { ...profile, cookies, expect: profile.answer(contender, i) };
      connections.push(await Connection.open(server.port, new Repeated(server.port, ask)));
      all.push(cookies);
    }
    if (bytes !== undefined && contender.kind !== 'scale') await assertStrangerUnknown(server);
    return new Visitors(connections, all);
  }

  leave(): void {
    for (const connection of this.connections) connection.close();
  }
}

async function identify(
  server: Server,
  { kind, bound }: Contender,
  i: number,
  bytes: number,
): Promise<Cookies> {
  if (kind === 'scale') return new Map([['theirs', MEANINGLESS]]);
  const { cookies, headers } = await logIn(server, subjectOf(i), bytes);
  return bound ? bind(server, cookies, headers.get('secure-session-registration')) : cookies;
}

async function logIn({ port }: Server, subject: string, bytes: number): Promise<Answer> {
  const answer = await request(port, 'POST', '/login', undefined, { subject, bytes });
  const { status, body, cookies } = answer;
  if (status !== 200) throw new Error(`login: ${status} ${body}`);
  if (cookies.size === 0) throw new Error('the login set no cookie');
  return answer;
}

/** As a browser does after the login. From then on its requests have two cookies. */
async function bind({ port }: Server, cookies: Cookies, invitation: string | null): Promise<Cookies> {
  const binding = bindingOf(invitation);
  if (!binding) throw new Error('the login invited nobody to bind the session');
  const bound = await request(port, 'POST', binding.path, cookies, undefined, binding.headers);
  if (bound.status !== 200) throw new Error(`the session was not bound: ${bound.status}`);
  if (bound.cookies.size !== cookies.size + 1) throw new Error('the registration set no bound cookie');
  return bound.cookies;
}

/** Who has no cookie is nobody, so whoever is somebody was recognised by the cookie. */
async function assertStrangerUnknown({ port }: Server): Promise<void> {
  const { body } = await request(port, 'GET', '/me');
  if (!body.includes('"subject":null')) throw new Error(`a stranger was taken for somebody: ${body}`);
}
