import type { INestApplication } from '@nestjs/common';
import { SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { randomBytes } from 'node:crypto';
import { sessionData, subjectOf } from '../profiles.js';
import type { Active, ServerSettings } from './settings.js';

/** How many of the sessions are in use, at most: they are spread over all of them. */
export const ACTIVE = 10_000;

const AT_A_TIME = 500;

/** Makes sessions, and entries in the revocation list. Returns the sessions in use. */
export async function fill(
  app: INestApplication,
  { prefill = 0, revoked = 0 }: ServerSettings,
): Promise<Active[]> {
  const data = sessionData(0);
  const active: Active[] = [];
  const step = Math.max(1, Math.floor(prefill / ACTIVE));
  for (let start = 0; start < prefill; start += AT_A_TIME) {
    const size = Math.min(AT_A_TIME, prefill - start);
    const made = await Promise.all(
      Array.from({ length: size }, async (_, i): Promise<Active> => {
        const subject = subjectOf(start + i);
        return { subject, cookie: await loginAs(app, subject, { data }) };
      }),
    );
    active.push(...made.filter((_, i) => (start + i) % step === 0));
  }
  const sessions = app.get(SessionService);
  for (let i = 0; i < revoked; i++) await sessions.revoke(randomBytes(16).toString('base64url'));
  return active;
}
