import fc from 'fast-check';
import type { SessionInfo } from 'nest-sessions';
import { CookieJar } from 'tough-cookie';
import { send, type Answer } from '../../support/browser.js';
import {
  BOUND_COOKIE,
  challengeIn,
  DEVICE_PATH,
  DeviceSigner,
  REFRESH_PATH,
  registrationIn,
} from '../../support/device.js';
import type { startBound } from './device.app.js';
import type { FaultKind, Faults } from './interleavings.faults.js';

type Node = Awaited<ReturnType<typeof startBound>> & { readonly faults: Faults };

/** A bound cookie and requests that race a binding are good for so long, in milliseconds, as docs/device-bound.md has it. */
const LIFETIME = 10 * 60_000 + 30_000;
const GRACE = 10_000;
const INVITATION = 5 * 60_000;

const who = fc.nat({ max: 1 });
const node = fc.nat({ max: 1 });
const copy = fc.nat({ max: 2 });

const oneOf = (weights: Readonly<Record<string, number>>): fc.Arbitrary<string> =>
  fc.constantFrom(...Object.entries(weights).flatMap(([what, weight]) => Array<string>(weight).fill(what)));

/** What one of two browsers of a user does, through one of two nodes. */
const honest = fc.record({
  do: oneOf({
    login: 2,
    register: 5,
    'register again': 1,
    refresh: 3,
    'replay a proof': 1,
    visit: 4,
    write: 1,
    relogin: 1,
    regenerate: 1,
    logout: 1,
  }),
  who,
  node,
});

/** What somebody does who has copied cookies, or ends sessions from outside. */
const others = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('steal'), who, node }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: oneOf({
        replay: 6,
        mix: 5,
        forge: 1,
        'register foreign': 4,
        'register stolen': 1,
        'log in over': 1,
      }),
      copy,
      node,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('revoke', 'revoke all'), who, node }) },
);

/** The store of one node fails when something of a device is written, once or twice, and what is late takes effect. */
const faults = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fail'),
      kind: fc.constantFrom<FaultKind>('before', 'after', 'late'),
      times: fc.integer({ min: 1, max: 2 }),
      node,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle'), node }) },
);

const time = fc.record({
  do: fc.constant('advance'),
  by: fc.constantFrom('1s', '9s', '11s', '61s', '2m', '6m', '11m', '31m', '3h'),
});

const alone: fc.Arbitrary<Op> = fc.oneof(
  { weight: 10, arbitrary: honest },
  { weight: 6, arbitrary: others },
  { weight: 2, arbitrary: faults },
);

/** What happens, one after the other, and now and then two at once. */
export const story = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: alone.map((one) => [one]) },
    { weight: 2, arbitrary: fc.tuple(alone, alone) },
    { weight: 3, arbitrary: time.map((one) => [one]) },
  ),
  { maxLength: 40, size: 'max' },
);

export type Op = Partial<{
  do: string;
  who: number;
  node: number;
  copy: number;
  by: string;
  kind: FaultKind;
  times: number;
}>;

interface Invitation {
  challenge: string;
  id: string;
  at: number;
}

/** A browser, as Chromium is one: a jar, a key for each session, and what it was told. */
class Person {
  readonly jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
  readonly keys = new Map<string, DeviceSigner>();
  /** The session of its latest login. */
  session: string | undefined;
  invitation: Invitation | undefined;
  challenge = '';
  /** The latest proof that it has sent, and the session that it was for. */
  proof = '';
  proofFor = '';
  /** Two responses at once may have set its cookies in either order. */
  unsure = false;

  get cookie(): string {
    return this.jar.getCookieStringSync('https://127.0.0.1');
  }
}

/** What a thief has copied. */
interface Loot {
  cookie: string;
  id: string | undefined;
  invitation: Invitation | undefined;
}

/** What must hold is broken. */
export class Violation extends Error {}

/**
 * Two nodes, the browsers and thieves that use them, and what must be true of each of their responses. Knows of the sessions
 * only what responses, events and the list tell.
 */
export class World {
  readonly log: string[] = [];
  readonly #nodes: readonly Node[];
  readonly #skew: number;
  readonly #user: string;
  readonly #people = [new Person(), new Person()];
  readonly #thief = new DeviceSigner();
  readonly #loot: Loot[] = [];
  /** When each bound cookie was given, and for which session. */
  readonly #given = new Map<string, { id: string; at: number }>();
  readonly #boundAt = new Map<string, number>();
  readonly #over = new Set<string>();
  readonly #known = new Set<string>();
  /** Sessions that a thief has touched, or of which two responses at once have set the cookie: they may end as reused. */
  readonly #touched = new Set<string>();
  #listed = new Map<string, SessionInfo>();
  #sequential = true;

  /** @param skew milliseconds that the second node is ahead */
  constructor(nodes: readonly Node[], user: string, skew: number) {
    this.#nodes = nodes;
    this.#user = user;
    this.#skew = skew;
  }

  get #now(): number {
    return this.#nodes[0]!.clock.now();
  }

  async run(ops: readonly Op[]): Promise<void> {
    this.#sequential = ops.length === 1;
    for (const { faults } of this.#nodes) faults.fired = 0;
    if (!this.#sequential) this.#touchShared(ops);
    // Clocks differ: what began in the moment of a revocation of all sessions may be over, or not.
    const revokes = ops.some(({ do: what }) => what === 'revoke all');
    if (revokes) this.#wait();
    const before = new Set(this.#over);
    const bound = new Map(this.#boundAt);
    await Promise.all(ops.map((op) => this.#do(op, before, bound)));
    if (revokes) this.#wait();
    await this.#look();
  }

  #wait(): void {
    for (const { clock } of this.#nodes) clock.advance('3s');
  }

  /** Of one browser that replaces its secret beside something else, either response may come last. */
  #touchShared(ops: readonly Op[]): void {
    const [one, other] = ops;
    const replaces = ops.some(({ do: what }) =>
      ['login', 'relogin', 'regenerate', 'logout'].includes(what ?? ''),
    );
    if (replaces && ops.some(({ do: what }) => what === 'revoke all'))
      for (const person of this.#people) person.unsure = true;
    if (!replaces || one?.who === undefined || one.who !== other?.who) return;
    const person = this.#people[one.who]!;
    person.unsure = true;
    for (const id of this.#listed.keys()) this.#touched.add(id);
  }

  async #do(op: Op, over: ReadonlySet<string>, bound: ReadonlyMap<string, number>): Promise<void> {
    const { do: what, node: at = 0 } = op;
    this.log.push(JSON.stringify(op));
    const person = op.who === undefined ? undefined : this.#people[op.who]!;
    const loot = op.copy === undefined ? undefined : this.#loot.at(-1 - op.copy);
    switch (what) {
      case 'advance':
        for (const { clock } of this.#nodes) clock.advance(op.by as '1s');
        return;
      case 'fail':
        return this.#nodes[at]!.faults.plan(op.kind!, op.times!);
      case 'settle':
        return this.#nodes[at]!.faults.settle();
      case 'login':
        return this.#login(person!, at);
      case 'register':
        return this.#register(person!, at);
      case 'register again':
        return this.#registerAgain(person!, at);
      case 'refresh':
        await this.#refresh(person!, at);
        return;
      case 'replay a proof':
        return this.#replayProof(person!, at);
      case 'visit':
        return this.#visit(person!, at, over, bound);
      case 'write':
      case 'relogin':
      case 'regenerate':
      case 'logout':
        return this.#change(person!, at, what, bound);
      case 'steal':
        this.#loot.push({
          cookie: person!.cookie,
          id: person!.session,
          invitation: person!.invitation,
        });
        return;
      case 'revoke':
        if (person!.session) await this.#nodes[at]!.sessions.revoke(person!.session);
        return;
      case 'revoke all':
        await this.#nodes[at]!.sessions.revokeAll(this.#user);
        return;
      default:
        if (loot) await this.#steal(what!, loot, at, over, bound);
    }
  }

  // What browsers do.

  async #login(person: Person, at: number): Promise<void> {
    const answer = await this.#ask(person, at, '/login', { user: this.#user });
    if (!this.#sequential && answer.status === 401) return;
    if (answer.status !== 200) throw new Violation(`a login got ${answer.status}`);
    const { id } = answer.json<{ id: string }>();
    if (this.#known.has(id)) throw new Violation(`the id ${id} came twice`);
    person.session = id;
    person.invitation = { challenge: registrationIn(answer).challenge, id, at: this.#now };
    if (this.#sequential) person.unsure = false;
  }

  async #register(person: Person, at: number): Promise<void> {
    const { invitation, session } = person;
    if (!invitation) return;
    const signer = new DeviceSigner();
    const fits = invitation.id === session && this.#listed.has(session) && !this.#boundAt.has(session);
    const early = this.#now < invitation.at + INVITATION - this.#skew;
    const late = this.#now >= invitation.at + INVITATION + this.#skew;
    const answer = await this.#registerWith(person, at, signer, invitation);
    if (!this.#sequential || person.unsure || (session !== undefined && this.#touched.has(session))) return;
    if (fits && early && answer.status !== 200)
      throw new Violation(`a registration in order got ${answer.status}`);
    if ((!fits || late) && answer.status !== 403)
      throw new Violation(`a registration that is not in order got ${answer.status}`);
  }

  /** Another key for the session that is bound. */
  async #registerAgain(person: Person, at: number): Promise<void> {
    if (person.invitation) await this.#registerWith(person, at, new DeviceSigner(), person.invitation);
  }

  async #registerWith(
    person: Person,
    at: number,
    signer: DeviceSigner,
    { challenge }: Invitation,
  ): Promise<Answer> {
    const headers = { 'secure-session-response': signer.registration(challenge) };
    const answer = await this.#ask(person, at, DEVICE_PATH, undefined, headers);
    const id = this.#bindingIn(answer);
    if (id === undefined) return answer;
    this.#bound(id);
    person.keys.set(id, signer);
    person.challenge = challengeIn(answer).challenge;
    return answer;
  }

  async #refresh(person: Person, at: number): Promise<Answer | undefined> {
    const { session } = person;
    const signer = session === undefined ? undefined : person.keys.get(session);
    if (!session || !signer) return undefined;
    const before = this.#listed.get(session);
    let answer: Answer | undefined;
    for (let attempt = 0; attempt < 5; attempt++) {
      person.proof = signer.refresh(person.challenge);
      person.proofFor = session;
      answer = await this.#ask(person, at, REFRESH_PATH, undefined, {
        'sec-secure-session-id': session,
        'secure-session-response': person.proof,
      });
      if (answer.headers['secure-session-challenge'] !== undefined)
        person.challenge = challengeIn(answer).challenge;
      // It comes again after an outage, too.
      if (answer.status === 503) continue;
      if (answer.status !== 403) break;
      if (challengeIn(answer).id !== session) throw new Violation('a challenge for another session');
    }
    this.#expectRefreshed(answer!, session, person);
    if (this.#sequential && before) await this.#expectUnmoved(before, at);
    return answer;
  }

  #expectRefreshed(answer: Answer, session: string, person: Person): void {
    const id = this.#bindingIn(answer);
    if (id !== undefined && id !== session)
      throw new Violation('a refresh gave the cookie of another session');
    if (id !== undefined && this.#sequential && !this.#listed.has(session))
      throw new Violation('a refresh of a session that is over');
    if (id !== undefined || !this.#isSettled(person)) return;
    if (this.#listed.has(session))
      throw new Violation(`a refresh in order got ${answer.status} ${answer.body}`);
    if (answer.status !== 200)
      throw new Violation(`the refresh of a session that is over got ${answer.status}`);
  }

  /** A refresh is no activity, and moves no login time. */
  async #expectUnmoved(before: SessionInfo, at: number): Promise<void> {
    const after = (await this.#nodes[at]!.sessions.list(this.#user)).find(({ id }) => id === before.id);
    if (after && JSON.stringify(after) !== JSON.stringify(before))
      throw new Violation(`a refresh moved ${JSON.stringify([before, after])}`);
  }

  async #replayProof(person: Person, at: number): Promise<void> {
    // With that of another session it would sign with another key, as a thief does.
    if (!person.proof || person.session !== person.proofFor) return;
    const answer = await this.#ask(person, at, REFRESH_PATH, undefined, {
      'sec-secure-session-id': person.proofFor,
      'secure-session-response': person.proof,
    });
    if (this.#sequential && this.#bindingIn(answer) !== undefined)
      throw new Violation('a proof was accepted twice');
  }

  async #change(person: Person, at: number, what: string, bound: ReadonlyMap<string, number>): Promise<void> {
    await this.#prepare(person, at, bound);
    // Elsewhere it would begin an anonymous session, whose cookie takes the place of that of the login.
    if (person.session === undefined || !this.#listed.has(person.session)) return;
    if (what === 'write') await this.#ask(person, at, '/data', { a: String(this.#now) });
    else await this.#ask(person, at, `/${what}`, {});
  }

  /** A browser refreshes first if its bound cookie is over, or soon. */
  async #prepare(person: Person, at: number, bound: ReadonlyMap<string, number>): Promise<void> {
    const { session } = person;
    if (session === undefined || !bound.has(session) || this.#isFresh(person.cookie, session, -60_000))
      return;
    await this.#refresh(person, at);
  }

  async #visit(
    person: Person,
    at: number,
    over: ReadonlySet<string>,
    bound: ReadonlyMap<string, number>,
  ): Promise<void> {
    const { session } = person;
    await this.#prepare(person, at, bound);
    const live = session !== undefined && this.#listed.has(session);
    const { cookie } = person;
    const answer = await this.#ask(person, at, '/who');
    this.#expectEntitled(answer, cookie, over, bound);
    if (!live || !this.#isSettled(person)) return;
    if (bound.has(session) && !person.keys.has(session)) return;
    if (answer.status !== 200) throw new Violation(`an honest visit got ${answer.status}`);
    if (answer.json<{ id: string }>().id !== session) throw new Violation('a visit in another session');
  }

  #isSettled({ unsure, session }: Person): boolean {
    return this.#sequential && !unsure && session !== undefined && !this.#touched.has(session);
  }

  // What thieves do.

  async #steal(
    what: string,
    { cookie, id, invitation }: Loot,
    at: number,
    over: ReadonlySet<string>,
    bound: ReadonlyMap<string, number>,
  ): Promise<void> {
    const { url } = this.#nodes[at]!;
    if (id !== undefined) this.#touched.add(id);
    const post = async (path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> =>
      this.#checked(await send(url + path, 'POST', { ...headers, ...(cookie && { cookie }) }, body));
    switch (what) {
      case 'replay':
      case 'mix': {
        // The session cookie with every bound cookie that was ever given for another session.
        const foreign = [...this.#given].filter(([, { id: whose }]) => whose !== id).slice(-20);
        const sent =
          what === 'replay'
            ? cookie
            : [
                ...cookie.split('; ').filter((one) => !one.startsWith(`${BOUND_COOKIE}=`)),
                ...foreign.map(([value]) => `${BOUND_COOKIE}=${value}`),
              ].join('; ');
        const answer = this.#checked(await send(`${url}/who`, 'GET', sent ? { cookie: sent } : {}));
        return this.#expectEntitled(answer, sent, over, bound);
      }
      case 'forge': {
        const headers = {
          'sec-secure-session-id': id ?? 'x',
          'secure-session-response': this.#thief.refresh(this.#people[0]!.challenge),
          cookie,
        };
        const answer = await send(url + REFRESH_PATH, 'POST', headers);
        // Of a sealed cookie that was replaced it is not known here whether its session is bound.
        if (answer.status !== 503) this.#checked(answer);
        const granted = this.#bindingIn(answer);
        if (granted !== undefined) throw new Violation('a thief refreshed');
        return;
      }
      case 'register foreign':
      case 'register stolen': {
        const own = what === 'register foreign' ? this.#foreignInvitation(id) : invitation;
        if (!own) return;
        const proof = this.#thief.registration(own.challenge);
        const granted = this.#bindingIn(await post(DEVICE_PATH, { 'secure-session-response': proof }));
        if (granted === undefined) return;
        // With cookies and invitation of the login a thief is as good as the browser: before it, not after it.
        if (own.id !== granted) throw new Violation('bound by the challenge of another session');
        this.#bound(granted);
        return;
      }
      case 'log in over': {
        await post('/login', {}, { user: `${this.#user}-thief` });
        return;
      }
      default:
        throw new Error(`no such act: ${what}`);
    }
  }

  #foreignInvitation(id: string | undefined): Invitation | undefined {
    return this.#people.map(({ invitation }) => invitation).find((one) => one && one.id !== id);
  }

  // What must hold.

  async #ask(
    person: Person,
    at: number,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { cookie } = person;
    const method = path === '/who' ? 'GET' : 'POST';
    const answer = this.#checked(
      await send(this.#nodes[at]!.url + path, method, { ...headers, ...(cookie && { cookie }) }, body),
      path,
    );
    for (const one of answer.setCookies)
      await person.jar.setCookie(one, 'https://127.0.0.1', { ignoreError: true });
    if (path === '/relogin' && answer.headers['secure-session-registration'] !== undefined && person.session)
      person.invitation = {
        challenge: registrationIn(answer).challenge,
        id: person.session,
        at: this.#now,
      };
    return answer;
  }

  /** Only a refresh may be turned away by an outage: a registration is repeated. */
  #checked(answer: Answer, path = ''): Answer {
    const failed = path === REFRESH_PATH && this.#nodes.some(({ faults }) => faults.fired > 0);
    if (answer.status >= 500 && !(failed && answer.status === 503))
      throw new Violation(`${answer.status}: ${answer.body}`);
    return answer;
  }

  /** The session of the bound cookie that a response gives. */
  #bindingIn(answer: Answer): string | undefined {
    const given = answer.setCookies.find(
      (one) => one.startsWith(`${BOUND_COOKIE}=`) && !one.includes('Max-Age=0'),
    );
    if (given === undefined) return undefined;
    const { session_identifier: id } = answer.json<{ session_identifier: string }>();
    this.#given.set(given.split(/[=;]/)[1]!, { id, at: this.#now });
    return id;
  }

  #bound(id: string): void {
    if (this.#boundAt.has(id)) throw new Violation(`${id} was bound twice`);
    this.#boundAt.set(id, this.#now);
  }

  /** Whoever gets in: the session is live, and if it was bound, there is a bound cookie that is good, or its grace. */
  #expectEntitled(
    answer: Answer,
    cookie: string,
    over: ReadonlySet<string>,
    bound: ReadonlyMap<string, number>,
  ): void {
    if (answer.status !== 200) return;
    const { id } = answer.json<{ id: string }>();
    if (over.has(id)) throw new Violation(`${id} is over, and opened`);
    const since = bound.get(id);
    if (since === undefined || this.#now < since + GRACE + this.#skew) return;
    if (!this.#isFresh(cookie, id, this.#skew)) throw new Violation(`${id} opened without a bound cookie`);
  }

  #isFresh(cookie: string, id: string, tolerance: number): boolean {
    return cookie.split('; ').some((pair) => {
      const given = this.#given.get(pair.slice(BOUND_COOKIE.length + 1));
      return given?.id === id && this.#now < given.at + LIFETIME + tolerance;
    });
  }

  /** What the list and the events say. */
  async #look(): Promise<void> {
    // The one whose clock is behind: by the other one a session may be over a moment before.
    const listed = await this.#nodes[0]!.sessions.list(this.#user);
    for (const { events } of this.#nodes) {
      for (const event of events.splice(0)) {
        if (event.type === 'reused' && !this.#touched.has(event.id))
          throw new Violation(`${event.id} ended as a thief's`);
        if (event.type === 'ended') this.#over.add(event.id);
      }
    }
    this.#listed = new Map(listed.map((info) => [info.id, info]));
    for (const { id, boundAt } of listed) {
      this.#known.add(id);
      if (this.#over.has(id)) throw new Violation(`${id} was revived`);
      const since = this.#boundAt.get(id);
      if ((since === undefined) !== (boundAt === undefined))
        throw new Violation(`${id} is bound since ${boundAt?.toISOString()}, and not ${since}`);
      if (since !== undefined && Math.abs(boundAt!.getTime() - since) > this.#skew)
        throw new Violation(`${id} was bound again`);
    }
    for (const id of this.#known) if (!this.#listed.has(id)) this.#over.add(id);
  }
}
