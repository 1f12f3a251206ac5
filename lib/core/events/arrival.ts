import { setTimeout as wait } from 'node:timers/promises';
import { causeOf } from '../storage/health/error-cause.js';
import type { StoreFinding } from '../storage/store.js';
import type { NoticeTransport } from './notice-transport.js';

/** Milliseconds after which another message is sent: nobody says when a subscription has begun. */
const AGAIN = 100;

/** Milliseconds between two looks. */
const STEP = 5;

/** Milliseconds after which messages count as lost. On one channel it takes less than ten. */
const LOST_AFTER = 3_000;

/** What goes over a channel. */
export interface Channel {
  transport: NoticeTransport;
  /** Makes a message that nodes ignore, or at which they do nothing but read. */
  message(): string;
  /** The messages, within a sentence. */
  what: string;
  /** What follows where they do not arrive, as a sentence. */
  follows: string;
  /** What to do then, as a sentence. */
  remedy: string;
}

/**
 * Sends messages on a channel until one arrives there, as one of another node would.
 *
 * @param timeout in milliseconds
 */
export async function examineChannel(
  { transport, message, what, follows, remedy }: Channel,
  timeout = LOST_AFTER,
): Promise<StoreFinding> {
  const sent = new Set<string>();
  let arrived = false;
  let cause: string | undefined;
  const failed = (error: unknown): void => void (cause = causeOf(error));
  const began = performance.now();
  const stop = transport.listen((text) => void (arrived ||= sent.has(text)), failed);
  try {
    while (!arrived && performance.now() - began < timeout) {
      const next = message();
      sent.add(next);
      transport.send(next).catch(failed);
      for (let waited = 0; !arrived && waited < AGAIN; waited += STEP) await wait(STEP);
    }
  } finally {
    stop();
  }
  if (arrived) return { level: 'ok', finding: `${what} arrive: a message came back.` };
  const why = cause ?? `none came back within ${timeout / 1000} s`;
  return { level: 'warning', finding: `${what} do not arrive (${why}). ${follows}`, remedy };
}
