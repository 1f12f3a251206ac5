import { asvs, notApplicable, verdictOf, type Check } from './check.js';
import type { Scene } from '../target/scene.js';
import type { Sending } from '../target/visitor.js';

type Effect = (sending: Sending) => Promise<boolean>;

const FOREIGN = 'https://attacker.example';

/** What browsers send for a page of another site, older ones and those over plain HTTP included. */
const ATTACKS: readonly { name: string; from: Readonly<Record<string, string>> }[] = [
  { name: 'Sec-Fetch-Site: cross-site', from: { 'sec-fetch-site': 'cross-site', origin: FOREIGN } },
  { name: 'Sec-Fetch-Site: same-site', from: { 'sec-fetch-site': 'same-site', origin: FOREIGN } },
  { name: 'the Origin of another site', from: { origin: FOREIGN } },
  { name: 'Origin: null', from: { origin: 'null' } },
];

/** Sends what no page of another site may, in every way, and says which had the effect. */
async function attacks(what: string, effect: Effect): Promise<string[]> {
  const findings: string[] = [];
  for (const { name, from } of ATTACKS) {
    if (await effect({ from, withoutCsrf: true, note: name })) findings.push(`${what} with ${name}.`);
  }
  return findings;
}

const REQUIREMENTS = [asvs('3.5.1')];

export const crossSiteLogin: Check = {
  id: 'cross-site-login',
  title: 'Another site cannot log a visitor in',
  why: 'The visitor goes on in an account of the attacker, and leaves there what they type.',
  severity: 'warning',
  requirements: REQUIREMENTS,
  async run(scene) {
    const logsIn: Effect = async (sending) => {
      const visitor = scene.visitor();
      await visitor.login(sending);
      return visitor.isLoggedIn();
    };
    return verdictOf(await attacks('A login succeeds', logsIn));
  },
};

export const crossSiteLogout: Check = {
  id: 'cross-site-logout',
  title: 'Another site cannot log a user out',
  why: 'A picture on a page is enough to end sessions, and to lead users to a false login page.',
  severity: 'warning',
  requirements: REQUIREMENTS,
  async run(scene) {
    const logsOut: Effect = async (sending) => {
      const visitor = await scene.loggedIn();
      await visitor.logout(sending);
      return !(await visitor.isLoggedIn());
    };
    return verdictOf(await attacks('A logout succeeds', logsOut));
  },
};

export const crossSiteWrite: Check = {
  id: 'cross-site-write',
  title: 'Another site cannot write in the name of a user',
  why: 'A form on any page that the user opens does what the user may do (CSRF).',
  severity: 'error',
  requirements: REQUIREMENTS,
  needs: ['write'],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const written = new Map<string, string>();
    const writes: Effect = async (sending) => {
      const value = await scene.write(visitor, sending);
      written.set(value, sending.note ?? '');
      return scene.shows(visitor, value);
    };
    const findings = await attacks('A write succeeds', writes);
    // A store that lags shows them after a write that is allowed.
    const own = await scene.write(visitor);
    await scene.eventually(() => scene.shows(visitor, own));
    for (const [value, name] of written)
      if (await scene.shows(visitor, value)) findings.push(`A write succeeds with ${name}.`);
    // Browsers leave such a cookie out of most of these requests, though not out of those of a sibling domain.
    return verdictOf(
      [...new Set(findings)],
      sameSite(
        scene,
        visitor.replies.flatMap((one) => one.setCookies),
      )
        ? 'warning'
        : 'error',
    );
  },
};

function sameSite(
  scene: Scene,
  set: readonly { name: string; attributes: ReadonlyMap<string, string> }[],
): boolean {
  const own = set.filter(({ name }) => scene.cookieNames.includes(name));
  return (
    own.length > 0 && own.every(({ attributes }) => /^(lax|strict)$/i.test(attributes.get('samesite') ?? ''))
  );
}

export const withoutOrigin: Check = {
  id: 'no-origin',
  title: 'A client that is no browser is not taken for another site',
  why: 'Applications and scripts send neither Origin nor Sec-Fetch-Site; no other site can use their cookies.',
  severity: 'info',
  requirements: REQUIREMENTS,
  needs: ['write'],
  async run(scene) {
    if (scene.config.csrf) return notApplicable('The application asks for a token, which tells sites apart.');
    const visitor = await scene.loggedIn();
    const value = await scene.write(visitor, { from: {}, note: 'without Origin and Sec-Fetch-Site' });
    const shown = await scene.eventually(() => scene.shows(visitor, value));
    return verdictOf([!shown && 'A write without Origin and Sec-Fetch-Site is refused.']);
  },
};

export const safeMethods: Check = {
  id: 'safe-methods',
  title: 'A GET does not log out',
  why: 'Links, pictures and prefetching browsers send it, from any site, with the cookie.',
  severity: 'warning',
  requirements: [asvs('3.5.3')],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const { path } = scene.config.logout;
    await visitor.send({ method: 'GET', path, headers: {} }, { from: { 'sec-fetch-site': 'cross-site' } });
    return verdictOf([
      !(await visitor.isLoggedIn()) && 'A GET of the logout path from another site ends the session.',
    ]);
  },
};

export const crossSiteChecks = [crossSiteLogin, crossSiteLogout, crossSiteWrite, withoutOrigin, safeMethods];
