/** Only compiled: what an application's types say of session data. */
import type { Session, SessionService } from 'nest-sessions';

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
  const items: string[] = sessions.current.data.items;
  const visits: number | undefined = await session.update('visits', (value = 0) => value + items.length);
  await session.update('visits', async (value) => value);
  // @ts-expect-error a cart has no such key
  await session.update('basketOfTypes', () => undefined);
  // @ts-expect-error visits are counted
  session.data.visits = 'many';
  return visits ?? 0;
}

export function handles(session: Session, sessions: SessionService): void {
  const id: string = session.id;
  const subject: string | undefined = session.subject;
  const at: Date | undefined = session.authenticatedAt('otp');
  const state: 'new' | 'clean' | 'dirty' | 'ended' = session.state;
  session.isFresh('5m', 'pwd');
  // @ts-expect-error an id stays
  session.id = 'another';
  // @ts-expect-error only login() names a subject
  session.subject = 'mallory';
  // @ts-expect-error a window is a span of time
  session.isFresh('soon');
  // @ts-expect-error the current session is the request's
  sessions.current = session;
  void [id, subject, at, state];
}
