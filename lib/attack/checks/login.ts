import { asvs, notApplicable, verdictOf, wstg, type Check } from './check.js';
import { everyValue, invented } from './invented.js';
import type { Scene } from '../target/scene.js';
import type { Visitor } from '../target/visitor.js';

/** A login in a browser that has session cookies already; what is found of them afterwards. */
async function loginOver(scene: Scene, visitor: Visitor, whose: string): Promise<string[]> {
  const before = scene.tokenOf(visitor);
  await scene.loggedIn(visitor.user, visitor);
  const unchanged = scene.sameToken(before, scene.tokenOf(visitor));
  if (unchanged) return [`The login keeps ${whose}: everybody who knows it is logged in, too.`];
  const opens = await scene.opens(before, `with ${whose}, after the login`, visitor.user);
  return opens ? [`The login sets another cookie, but ${whose} is logged in as well.`] : [];
}

export const fixation: Check = {
  id: 'fixation',
  title: 'A login replaces the cookie that the visitor had before',
  why: 'Whoever gets their own anonymous cookie into the browser of another is logged in as soon as the other logs in.',
  severity: 'error',
  requirements: [asvs('7.2.4'), wstg('SESS-03')],
  async run(scene) {
    const visitor = scene.visitor();
    for (const page of scene.anonymousPages) await visitor.send(page);
    if (scene.config.write) await scene.write(visitor, { note: 'without a login' });
    if (scene.tokenOf(visitor).size === 0) return notApplicable('A visitor has no cookie before the login.');
    return verdictOf(await loginOver(scene, visitor, 'the cookie of before'));
  },
};

export const plantedCookie: Check = {
  id: 'fixation-planted',
  title: 'A login never adopts a cookie that was made up',
  why: 'A server that takes the id from the client lets an attacker choose it.',
  severity: 'error',
  requirements: [asvs('7.2.4'), wstg('SESS-03')],
  async run(scene) {
    const genuine = scene.tokenOf(await scene.loggedIn());
    const visitor = scene.visitor(undefined, everyValue(genuine, invented));
    return verdictOf(await loginOver(scene, visitor, 'a cookie that was made up'));
  },
};

export const secondLogin: Check = {
  id: 'login-rotates',
  title: 'A login over a login replaces the cookie, and the former one is dead',
  why: 'Who is alarmed and logs in again would leave a stolen cookie as it is.',
  severity: 'error',
  requirements: [asvs('7.2.4')],
  async run(scene) {
    return verdictOf(await loginOver(scene, await scene.loggedIn(), 'the cookie of the former login'));
  },
};

export const relogin: Check = {
  id: 'relogin-rotates',
  title: 'A re-authentication replaces the cookie, and the former one is dead',
  why: 'A cookie that was stolen before would be raised to what the user has just proved.',
  severity: 'error',
  requirements: [asvs('7.2.4')],
  needs: ['relogin'],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const before = scene.tokenOf(visitor);
    const { status } = await visitor.send(scene.part('relogin'));
    if (status >= 400) return verdictOf([`The re-authentication is refused with ${status}: see the config.`]);
    if (scene.sameToken(before, scene.tokenOf(visitor)))
      return verdictOf(['The re-authentication keeps the cookie.']);
    const opens = await scene.opens(before, 'with the cookie of before');
    return verdictOf([opens && 'The cookie of before the re-authentication still works.']);
  },
};

export const anonymousCookie: Check = {
  id: 'anonymous-cookie',
  title: 'A visitor who only reads gets no session',
  why: 'Each crawler fills the store, and a cookie before the login is what fixation begins with.',
  severity: 'warning',
  requirements: [wstg('SESS-03')],
  async run(scene) {
    const visitor = scene.visitor();
    for (const page of scene.anonymousPages) await visitor.send(page);
    return verdictOf([
      scene.tokenOf(visitor).size > 0 && 'A visitor without a login gets the session cookie.',
    ]);
  },
};

export const loginChecks = [fixation, plantedCookie, secondLogin, relogin, anonymousCookie];
