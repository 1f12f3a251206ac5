import { appendFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { INestApplication } from '@nestjs/common';
import { SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { sessionData, subjectOf } from '../profiles.js';
import type { ServerSettings } from './settings.js';

const AT_A_TIME = 500;

/** Makes sessions, whose Cookie headers go to a file, a line each, and entries in the revocation list. */
export async function fill(
  app: INestApplication,
  { prefill = 0, cookies, revoked = 0 }: ServerSettings,
): Promise<void> {
  const data = sessionData(0);
  for (let start = 0; start < prefill; start += AT_A_TIME) {
    const size = Math.min(AT_A_TIME, prefill - start);
    const made = await Promise.all(
      Array.from({ length: size }, (_, i) => loginAs(app, subjectOf(start + i), { data })),
    );
    appendFileSync(cookies!, made.map((cookie) => `${cookie}\n`).join(''));
  }
  const sessions = app.get(SessionService);
  for (let i = 0; i < revoked; i++) await sessions.revoke(randomBytes(16).toString('base64url'));
}
