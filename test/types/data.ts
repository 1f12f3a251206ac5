/** Only compiled: what an application's types say of session data. */
import type { INestApplication } from '@nestjs/common';
import type { Session, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { z } from 'zod';

declare module 'nest-sessions' {
  interface SessionData {
    basketOfTypes?: { items: string[] };
  }
}

interface Cart {
  items: string[];
  visits: number;
}

export async function merged(session: Session): Promise<void> {
  (session.data.basketOfTypes ??= { items: [] }).items.push('tea');
  // @ts-expect-error the items are texts
  session.data.basketOfTypes.items.push(1);
  // @ts-expect-error nothing of this name was declared
  session.data.unheardOf = 1;
  await session.update('basketOfTypes', (basket) => basket && { items: [...basket.items, 'milk'] });
  // @ts-expect-error the key takes another value
  await session.update('basketOfTypes', () => 1);
}

export async function generic(session: Session<Cart>, sessions: SessionService<Cart>): Promise<number> {
  const items: string[] = sessions.current.data.items ?? [];
  // @ts-expect-error a session begins without items
  sessions.current.data.items.push('tea');
  const visits: number | undefined = await session.update('visits', (value = 0) => value + items.length);
  await session.update('visits', async (value) => value);
  // @ts-expect-error a cart has no such key
  await session.update('basketOfTypes', () => undefined);
  // @ts-expect-error visits are counted
  session.data.visits = 'many';
  return visits ?? 0;
}

export const schema = z.object({
  theme: z.string().default('light'),
  at: z.coerce.date().optional(),
  name: z.string(),
});

export function parsed(session: Session<typeof schema>): string {
  const theme: string = session.data.theme;
  const at: Date | undefined = session.data.at;
  // @ts-expect-error a session begins without a name
  const name: string = session.data.name;
  // @ts-expect-error it is read as a Date
  session.data.at = 'today';
  return theme + String(at) + name;
}

export async function kept(sessions: SessionService<Cart>): Promise<void> {
  await sessions.login('alice', { keep: ['items'] });
  await sessions.regenerate({ keep: ['visits'] });
  // @ts-expect-error a cart has no such key
  await sessions.login('alice', { keep: ['crat'] });
  // @ts-expect-error a cart has no such key
  await sessions.regenerate({ keep: ['crat'] });
}

export function narrowed(session: Session<Cart>, service: SessionService<Cart>): string {
  if (service.current.loggedIn) void service.current.subject;
  // @ts-expect-error nobody may be logged in
  const stranger: string = session.subject;
  // @ts-expect-error data belongs into session.data
  session.items = [];
  return session.loggedIn ? session.subject.trim() : stranger;
}

export function handles(session: Session, sessions: SessionService): void {
  const id: string = session.id;
  const subject: string | undefined = session.subject;
  const at: Date | undefined = session.authenticatedAt('otp');
  const state: 'new' | 'clean' | 'dirty' | 'ended' = session.state;
  session.isFresh('5m', 'pwd');
  const until: Date | undefined = session.freshUntil() ?? session.freshUntil('5m', 'pwd');
  // @ts-expect-error an id stays
  session.id = 'another';
  // @ts-expect-error only login() names a subject
  session.subject = 'mallory';
  // @ts-expect-error a window is a span of time
  session.isFresh('soon');
  // @ts-expect-error a window is a span of time
  session.freshUntil('soon');
  // @ts-expect-error the current session is the request's
  sessions.current = session;
  void [id, subject, at, state, until];
}

export async function testing(app: INestApplication): Promise<void> {
  await loginAs(app, 'alice', { data: { basketOfTypes: { items: ['tea'] } } });
  await loginAs<Cart>(app, 'alice', { data: { visits: 1 } });
  // @ts-expect-error the items are texts
  await loginAs(app, 'alice', { data: { basketOfTypes: { items: [1] } } });
  // @ts-expect-error nothing of this name was declared
  await loginAs(app, 'alice', { data: { unheardOf: 1 } });
}
