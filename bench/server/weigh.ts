import { randomBytes } from 'node:crypto';
import { MemoryStore, type SessionRecord } from 'nest-sessions';
import { sessionData } from '../profiles.js';

/** Prints how many bytes each of so many sessions takes: a user, a device and half a kilobyte of data. */
const [store, sessions] = [process.argv[2]!, Number(process.argv[3])];
const BYTES = 500;
const MONTH = 31 * 24 * 60 * 60 * 1000;
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

const random = (bytes: number): string => randomBytes(bytes).toString('base64url');

/** Data as it comes out of a request: new objects and new texts for each session. */
function fresh(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(sessionData(BYTES))) as Record<string, unknown>;
}

async function filler(): Promise<(i: number) => void> {
  if (store === 'nest-sessions') {
    const memory = new MemoryStore({ maxCount: Math.max(100_000, sessions) });
    return (i) => void memory.create(record(i), MONTH);
  }
  const { default: session } = await import('express-session');
  const memory = new session.MemoryStore();
  const cookie = { originalMaxAge: MONTH, expires: new Date(Date.now() + MONTH), httpOnly: true, path: '/' };
  const device = { userAgent: USER_AGENT, ip: '192.0.2.1' };
  return (i) => memory.set(random(24), { ...fresh(), subject: `user-${i}`, device, cookie } as never);
}

function record(i: number): SessionRecord {
  const now = Date.now();
  const data = Object.fromEntries(
    Object.entries(fresh()).map(([key, value]) => [key, JSON.stringify(value)]),
  );
  return {
    id: random(16),
    secretHash: random(32),
    revision: 0,
    subject: `user-${i}`,
    factors: { pwd: now },
    createdAt: now,
    startedAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    remember: false,
    device: { userAgent: Buffer.from(USER_AGENT).toString(), ip: '192.0.2.1' },
    data,
  };
}

const used = (): number => {
  global.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const put = await filler();
// What is loaded or compiled at the first session is nobody's weight.
put(-1);
const before = used();
for (let i = 0; i < sessions; i++) {
  put(i);
  // The store of express-session puts a callback aside for every session.
  if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const bytes = (used() - before) / sessions;
put(-2);
console.log(bytes.toFixed(1));
process.exit(0);
