import { asvs, nist, notApplicable, verdictOf, wstg, type Check } from './check.js';

const ENDS = [asvs('7.4.1'), nist('5.1'), wstg('SESS-06')];

export const capturedCookie: Check = {
  id: 'logout',
  title: 'A copied cookie is dead after the logout',
  why: 'A logout that only takes the cookie out of the browser leaves every copy of it alive.',
  severity: 'error',
  requirements: ENDS,
  async run(scene) {
    const visitor = await scene.loggedIn();
    const captured = scene.tokenOf(visitor);
    const { status } = await visitor.logout();
    if (status >= 400) return verdictOf([`The logout is refused with ${status}: see the config.`]);
    const opens = await scene.opens(captured, 'with the copied cookie');
    return verdictOf([opens && 'The cookie still works after the logout.']);
  },
};

export const earlierCookies: Check = {
  id: 'logout-earlier',
  title: 'Every earlier cookie of the session is dead after the logout',
  why: 'A cookie that was rotated away, and is honoured for a while, outlives the session.',
  severity: 'error',
  requirements: ENDS,
  async run(scene) {
    const visitor = await scene.loggedIn();
    if (scene.config.write) await scene.write(visitor);
    await visitor.read();
    if (scene.config.relogin) await visitor.send(scene.config.relogin);
    await visitor.read();
    const last = scene.tokenOf(visitor);
    const earlier = scene.tokensOf(visitor).filter((token) => !scene.sameToken(token, last));
    if (earlier.length === 0) return notApplicable('The cookie of the session never changed.');
    await visitor.logout();
    let alive = 0;
    for (const token of earlier) if (await scene.opens(token, 'with an earlier cookie')) alive++;
    return verdictOf([alive > 0 && `Of ${earlier.length} earlier cookies ${alive} still work.`]);
  },
};

export const logoutRace: Check = {
  id: 'logout-race',
  title: 'A write that is under way does not bring back a session that was ended',
  why: 'A request that stores the session after the logout revives it, and with it every copy of the cookie.',
  severity: 'error',
  requirements: [asvs('7.4.1'), asvs('15.4.2')],
  needs: ['write'],
  async run(scene) {
    const control = await scene.loggedIn();
    const copy = scene.tokenOf(control);
    await control.logout();
    if (await scene.opens(copy, 'after a logout without writes'))
      return notApplicable('A logout without writes under way does not end the session either.');
    for (let round = 0; round < 3; round++) {
      const visitor = await scene.loggedIn();
      const captured = scene.tokenOf(visitor);
      const writers = Array.from({ length: scene.config.parallel }, () => visitor.copy());
      await Promise.all([...writers.map((writer) => scene.write(writer)), visitor.logout()]);
      if (await scene.opens(captured, 'with the cookie of before'))
        return verdictOf(['The session is alive again after a logout with writes under way.']);
      for (const writer of writers) {
        const token = scene.tokenOf(writer);
        if (
          !scene.sameToken(token, captured) &&
          (await scene.opens(token, 'with the cookie of a late write'))
        )
          return verdictOf(['A write that was under way during the logout got a cookie that is logged in.']);
      }
    }
    return { outcome: 'passed' };
  },
};

export const idempotentLogout: Check = {
  id: 'logout-idempotent',
  title: 'A logout without a session succeeds, too',
  why: 'Who clicks twice, or whose session has expired, sees an error and cannot tell whether they are logged out.',
  severity: 'warning',
  requirements: [asvs('7.4.1')],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const former = scene.visitor(undefined, scene.tokenOf(visitor));
    await visitor.logout();
    const again = await visitor.logout({ note: 'a second time' });
    const dead = await former.logout({ note: 'with the cookie of a session that was ended' });
    const without = await scene.visitor().logout({ note: 'without a cookie' });
    return verdictOf([
      again.status >= 400 && `A second logout is refused with ${again.status}.`,
      dead.status >= 400 &&
        `A logout with the cookie of a session that was ended is refused with ${dead.status}.`,
      without.status >= 400 && `A logout without a cookie is refused with ${without.status}.`,
    ]);
  },
};

export const expiredCookie: Check = {
  id: 'logout-cookie',
  title: 'A logout takes the cookie out of the browser',
  why: 'The browser goes on sending it, and keeps its copies of pages that vary by it for the Back button.',
  severity: 'warning',
  requirements: [asvs('7.4.1'), nist('5.1.1')],
  async run(scene) {
    const visitor = await scene.loggedIn();
    const before = scene.tokenOf(visitor);
    await visitor.logout();
    const after = scene.tokenOf(visitor);
    const left = [...before].filter(([name, value]) => after.get(name) === value);
    return verdictOf(
      left.map(([name]) => `The response of the logout leaves the cookie "${name}" as it is.`),
    );
  },
};

export const logoutChecks = [capturedCookie, earlierCookies, logoutRace, idempotentLogout, expiredCookie];
