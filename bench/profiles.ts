import type { Contender } from './contenders.js';

/** One kind of request that is measured. */
export interface Profile {
  name: string;
  title: string;
  method: 'GET' | 'POST';
  path: string;
  /** How much the session holds, in bytes of JSON; without it nobody is logged in. */
  bytes?: number;
  /** Whether every request extends the session. */
  rolling?: boolean;
  /** A goal is about it, so it is measured with more care. */
  central?: boolean;
  /** What the body has to be, asked anew for each request of one connection. */
  answer(contender: Contender, connection: number): () => string;
}

const USUAL = 500;

/** Each connection is another user, so that an answer meant for somebody else is noticed. */
export const subjectOf = (connection: number): string => `user-${String(connection).padStart(3, '0')}`;

/** A cookie that means nothing to an application without sessions: its requests are to be as long as the others'. */
export const MEANINGLESS = 'x'.repeat(96);

const fixed = (body: unknown) => () => () => JSON.stringify(body);

const aboutMe = ({ kind }: Contender, connection: number) => {
  const body = JSON.stringify({ subject: subjectOf(kind === 'scale' ? 0 : connection), locale: 'de' });
  return () => body;
};

const counting = ({ kind }: Contender) => {
  let n = 0;
  return () => JSON.stringify({ n: kind === 'scale' ? 1 : ++n });
};

export const profiles: readonly Profile[] = [
  {
    name: 'anonymous',
    title: 'anonymous',
    method: 'GET',
    path: '/anonymous',
    central: true,
    answer: fixed({ ok: true }),
  },
  {
    name: 'read',
    title: 'logged-in read',
    method: 'GET',
    path: '/me',
    bytes: USUAL,
    central: true,
    answer: aboutMe,
  },
  {
    name: 'guard',
    title: 'read with a guard',
    method: 'GET',
    path: '/guarded',
    bytes: USUAL,
    answer: aboutMe,
  },
  { name: 'write', title: 'write', method: 'POST', path: '/write', bytes: USUAL, answer: counting },
  {
    name: 'roll',
    title: 'roll due',
    method: 'GET',
    path: '/me',
    bytes: USUAL,
    rolling: true,
    answer: aboutMe,
  },
  { name: '4kB', title: 'read beside 4 kB', method: 'GET', path: '/me', bytes: 4_000, answer: aboutMe },
  { name: '54kB', title: 'read beside 54 kB', method: 'GET', path: '/me', bytes: 54_000, answer: aboutMe },
  {
    name: '54kB-all',
    title: 'read of all 54 kB',
    method: 'GET',
    path: '/everything',
    bytes: 54_000,
    answer: () => () => JSON.stringify({ keys: Object.keys(sessionData(54_000)).length }),
  },
];

export function profile(name: string): Profile {
  const found = profiles.find((one) => one.name === name);
  if (!found) throw new Error(`no profile "${name}"; there are: ${profiles.map((p) => p.name).join(', ')}`);
  return found;
}

export const takesPart = (contender: Contender, { name, bytes = 0 }: Profile): boolean =>
  (contender.only?.includes(name) ?? true) &&
  bytes <= (contender.holds ?? Infinity) &&
  // With nothing to hold, the sizes are the same request as the logged-in read.
  !(contender.kind === 'scale' && ['54kB-all', 'roll'].includes(name) && contender.name.endsWith('floor'));

/** What a session of a shop might hold, filled up with pages of about a kilobyte. */
export function sessionData(bytes: number): Record<string, unknown> {
  const data: Record<string, unknown> = {
    locale: 'de',
    theme: 'dark',
    n: 0,
    cart: Array.from({ length: 5 }, (_, i) => ({ sku: `A-${1000 + i}`, count: i + 1, price: 1999 + i })),
    visited: ['/', '/products', '/products/1001', '/cart', '/checkout'],
    consent: { statistics: true, marketing: false, at: 1_700_000_000_000 },
  };
  for (let page = 0; JSON.stringify(data).length < bytes; page++) data[`page${page}`] = pageOf(page, bytes);
  return data;
}

function pageOf(page: number, bytes: number): unknown {
  const rows = bytes < 1_000 ? 1 : 12;
  return Array.from({ length: rows }, (_, row) => ({
    id: page * 100 + row,
    title: `Row ${row} of page ${page}`,
    tags: ['a', 'b', 'c'],
    open: row % 2 === 0,
  }));
}
