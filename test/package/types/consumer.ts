import type { INestApplication } from '@nestjs/common';
import { MemoryStore, SessionModule, type Session, type SessionService } from 'nest-sessions';
import { ConnectStore, type ConnectStoreLike } from 'nest-sessions/connect';
import { fromExpressSession } from 'nest-sessions/migrate';
import { PassportSessions, type PassportSession } from 'nest-sessions/passport';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { applyDelta, type SessionRecord } from 'nest-sessions/store';
import {
  FakeClock,
  fakeSession,
  fakeSessionService,
  loginAs,
  sessionAgent,
  SessionTestingModule,
} from 'nest-sessions/testing';
import { Pool } from 'pg';
import { createClient } from 'redis';

declare module 'nest-sessions' {
  interface SessionData {
    cart: string[];
  }
}

const secret = 'only types are looked at';
const clock = new FakeClock();
SessionModule.forRoot({ secret, clock, store: new MemoryStore(), lifetime: '31d' });
SessionModule.forRoot({ secret, store: new RedisStore({ client: createClient() }) });
SessionModule.forRoot({ secret, store: new PostgresStore({ pool: new Pool() }) });
SessionModule.forRoot({ secret, store: new SealedCookie() });
declare const old: ConnectStoreLike;
SessionModule.forRoot({ secret, store: new ConnectStore({ store: old }) });
SessionModule.forRoot({
  secret,
  migrate: [
    fromExpressSession({ secret, store: old, map: ({ user }: { user: string }) => ({ subject: user }) }),
  ],
});
SessionTestingModule.forRoot({ clock });
PassportSessions.forRoot({ subject: String, login: () => ({ remember: true }) });
// @ts-expect-error an option that is not known
PassportSessions.forRoot({ keep: true });
// @ts-expect-error a duration has a unit that is known
SessionModule.forRoot({ secret, lifetime: '31 moons' });
// @ts-expect-error the secret is required
SessionModule.forRoot({});

export const touched = (record: SessionRecord): SessionRecord =>
  applyDelta(record, { head: { lastSeenAt: 1 } });

export function visit(session: PassportSession): void {
  session.views = Number(session.views ?? 0) + 1;
  session.save((error) => error);
}

export async function use(
  app: INestApplication,
  sessions: SessionService,
  session: Session,
): Promise<string> {
  session.data.cart?.push('book');
  // @ts-expect-error a cart holds texts
  session.data.cart?.push(1);
  await sessions.login('alice', { keep: ['cart'] });
  const fake = fakeSessionService(await fakeSession({ subject: 'alice', data: { cart: ['book'] } }));
  fake.current.data.cart?.push('pen');
  // @ts-expect-error a cart holds texts
  await fakeSession({ data: { cart: [1] } });
  return loginAs(sessionAgent(app), 'alice');
}
