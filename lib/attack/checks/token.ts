import { asvs, nist, verdictOf, type Check } from './check.js';
import { decodings } from './decodings.js';
import { everyValue, flipped, invented, positions } from './invented.js';
import { meets } from '../target/templates.js';
import type { Scene } from '../target/scene.js';

/** Of ASVS 7.2.3, and of NIST 5.1. */
const ENOUGH_BITS = 128;
const LEAST_BITS = 64;

export const entropy: Check = {
  id: 'token-entropy',
  title: 'The token is new at each login, and long enough',
  why: 'A token that repeats, counts or is short can be guessed.',
  severity: 'error',
  requirements: [asvs('7.2.2'), asvs('7.2.3'), nist('5.1')],
  async run(scene) {
    const tokens: string[][] = [];
    for (let i = 0; i < scene.config.samples; i++)
      tokens.push([...scene.tokenOf(await scene.loggedIn()).values()]);
    const joined = tokens.map((values) => values.join(' '));
    if (new Set(joined).size < joined.length) return verdictOf(['Two logins get the same token.']);
    const bits = Math.floor(bitsOf(joined));
    if (bits >= ENOUGH_BITS) return { outcome: 'passed' };
    const finding = `What varies between ${joined.length} tokens holds ${bits} bits at most, of ${ENOUGH_BITS}.`;
    return verdictOf([finding], bits < LEAST_BITS ? 'error' : 'warning');
  },
};

/** An upper bound of what varies: the bits of the characters that differ, by the alphabet in which they are written. */
function bitsOf(tokens: readonly string[]): number {
  const length = Math.min(...tokens.map((token) => token.length));
  const columns = Array.from({ length }, (_, at) => new Set(tokens.map((token) => token.charAt(at))));
  const varying = columns.filter((column) => column.size > 1);
  const chars = varying.flatMap((column) => [...column]).join('');
  const alphabet = /^\d*$/.test(chars) ? 10 : /^([\da-f]*|[\dA-F]*)$/.test(chars) ? 16 : 64;
  return varying.reduce((bits, column) => bits + Math.log2(widthOf(column, alphabet, tokens.length)), 0);
}

/** A place that shows a few characters only in many samples, as a version or a counter does, holds no more than these. */
const widthOf = (column: ReadonlySet<string>, alphabet: number, samples: number): number =>
  column.size <= samples / 3 ? column.size : alphabet;

export const meaning: Check = {
  id: 'token-meaning',
  title: 'The token says nothing of the user',
  why: 'Whoever sees a cookie, in a log or a copy of a browser, reads who it is, and what the server keeps of them.',
  severity: 'warning',
  requirements: [nist('5.1.1')],
  async run(scene) {
    const texts = [...scene.tokenOf(await scene.loggedIn()).values()].flatMap(decodings);
    const name = scene.config.users.first.name.toLowerCase();
    // A short name turns up in random text by chance.
    const named = name.length >= 4 && texts.some((text) => text.toLowerCase().includes(name));
    return verdictOf([
      named && 'The token contains the name of the user.',
      texts.some(isJsonObject) && 'The token contains readable data (JSON).',
    ]);
  },
};

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

export const tampering: Check = {
  id: 'token-tampering',
  title: 'A token with any change opens nothing',
  why: 'A token that is not verified as a whole lets its owner change what it says, or find another’s.',
  severity: 'error',
  requirements: [asvs('7.2.1')],
  async run(scene) {
    const token = scene.tokenOf(await scene.loggedIn());
    const findings = new Set<string>();
    for (const [name, value] of token) {
      for (const changed of changesOf(value)) {
        const cookie = scene.header(new Map([...token, [name, changed]]));
        const reply = await scene.visitor().read({ cookie, note: 'with a changed token' });
        if (meets(reply, scene.config.read.loggedIn, scene.config.users.first))
          findings.add(`The cookie "${name}" opens the session although it was changed.`);
        if (reply.status >= 500)
          findings.add(`A changed cookie "${name}" is an error of the server (${reply.status}).`);
      }
    }
    return verdictOf([...findings]);
  },
};

function changesOf(value: string): string[] {
  const places = positions(value);
  const step = Math.max(1, Math.floor(places.length / 24));
  const flips = places.filter((_, i) => i % step === 0).map((at) => flipped(value, at));
  return [...flips, value.slice(0, -4), value.slice(4)].filter((one) => one !== value);
}

export const malformed: Check = {
  id: 'token-malformed',
  title: 'A malformed token is no error of the server',
  why: 'A value that reaches a store or a parser as it is may do more there than fail.',
  severity: 'warning',
  requirements: [asvs('7.2.1')],
  async run(scene) {
    const findings: (string | false)[] = [];
    for (const [what, value] of MALFORMED) {
      const cookie = scene.cookieNames.map((name) => `${name}=${value}`).join('; ');
      const { status } = await scene.visitor().read({ cookie, note: what });
      findings.push(status >= 500 && `The server responds with ${status} to ${what}.`);
    }
    return verdictOf(findings);
  },
};

const MALFORMED: readonly (readonly [string, string])[] = [
  ['an empty value', ''],
  ['an escaped NUL', 'a%00b'],
  ['a broken escape', '%E0%A4%A'],
  ['a name of an object’s own', '__proto__'],
  ['quotes', '"\'"'],
  ['a value of 6,000 octets', 'a'.repeat(6000)],
  ['JSON', 'j:{"a":1}'],
  ['a path', '..%2F..%2Fetc%2Fpasswd'],
];

export const equalErrors: Check = {
  id: 'errors-equal',
  title: 'Unknown, changed and ended tokens get the same response',
  why: 'A difference tells an attacker which of the tokens that they try were real.',
  severity: 'warning',
  requirements: [asvs('7.2.1')],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const token = scene.tokenOf(visitor);
    await visitor.logout();
    const ended = !(await scene.opens(token, 'after the logout'));
    const changed = everyValue(token, (value) => flipped(value, positions(value).at(-1) ?? 0));
    const unknown = await looks(scene, everyValue(token, invented), 'with an unknown token');
    const again = await looks(scene, everyValue(token, invented), 'with another unknown token');
    const varies = unknown.body !== again.body;
    const differs = async (cookies: ReadonlyMap<string, string>, what: string) => {
      const { line, body } = await looks(scene, cookies, `with ${what}`);
      return (
        (line !== unknown.line || (!varies && body !== unknown.body)) && `The response to ${what} differs.`
      );
    };
    return verdictOf([
      await differs(changed, 'a changed token'),
      ended && (await differs(token, 'a token of a session that was ended')),
    ]);
  },
};

async function looks(scene: Scene, token: ReadonlyMap<string, string>, note: string) {
  const { status, headers, body } = await scene.visitor().read({ cookie: scene.header(token), note });
  const compared = ['content-type', 'location', 'www-authenticate', 'cache-control', 'vary'];
  return { line: [status, ...compared.map((name) => (headers.get(name) ?? []).join())].join('\n'), body };
}

export const tokenChecks = [entropy, meaning, tampering, malformed, equalErrors];
