/** Only compiled: what the types of nest-sessions/testing say of session data. */
import type { INestApplication } from '@nestjs/common';
import type { LoggedInSession, Session, SessionService } from 'nest-sessions';
import {
  fakeSession,
  fakeSessionService,
  loginAs,
  sessionAgent,
  SessionTestingModule,
  type AgentRequest,
  type AgentResponse,
  type FakeSessionOptions,
  type LoginAsOptions,
  type SessionAgent,
  type SessionTestingOptions,
} from 'nest-sessions/testing';

interface Cart {
  items: string[];
}

export async function logins(app: INestApplication): Promise<string[]> {
  const agent: SessionAgent = sessionAgent(app, { headers: { 'user-agent': 'phone' } });
  // @ts-expect-error the items are texts
  await loginAs<Cart>(app, 'alice', { data: { items: [1] } });
  // @ts-expect-error nothing of this name was declared
  await loginAs(app, 'alice', { data: { unheardOf: 1 } });
  // @ts-expect-error a login without a page has nothing to keep
  await loginAs(app, 'alice', { keep: ['basketOfTypes'] });
  return [
    await loginAs(app, 'alice', { data: { basketOfTypes: { items: ['tea'] } } }),
    await loginAs<Cart>(agent, 'alice', { data: { items: ['tea'] }, remember: true, factor: 'otp' }),
    await loginAs(agent, 'alice'),
  ];
}

export async function fakes(options: FakeSessionOptions<Cart>): Promise<SessionService<Cart>> {
  const visitor: Session = await fakeSession();
  const user: LoggedInSession = await fakeSession({ subject: 'alice' });
  const name: string = user.subject;
  // @ts-expect-error nobody may be logged in
  const stranger: string = visitor.subject;
  // @ts-expect-error the items are texts
  await fakeSession<Cart>({ data: { items: [1] } });
  const plain: SessionService = fakeSessionService(user);
  const session = await fakeSession<Cart>({ subject: 'alice', data: { items: [name + stranger] } });
  const sessions: SessionService<Cart> = fakeSessionService(session);
  // @ts-expect-error a cart has no such key
  await sessions.login('alice', { keep: ['crat'] });
  void [plain, await fakeSession<Cart>(options)];
  return sessions;
}

export const modules = [
  SessionTestingModule.forRoot(),
  SessionTestingModule.forRoot({ idle: '10m', guard: 'login', isGlobal: false }),
  // @ts-expect-error a duration has a unit that is known
  SessionTestingModule.forRoot({ idle: '10 moons' }),
];

export const named: [SessionTestingOptions, LoginAsOptions<Cart>, AgentRequest] = [
  SessionTestingModule.options({ idle: '10m' }),
  { data: { items: [] } },
  { body: new URLSearchParams({ a: 'b' }) },
];

export const statusOf = ({ status }: AgentResponse): number => status;
