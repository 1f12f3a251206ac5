import { asvs, verdictOf, type Check } from './check.js';

export const twoUsers: Check = {
  id: 'isolation',
  title: 'Two users at the same time each see their own',
  why: 'What is kept in the process instead of the session is everybody’s.',
  severity: 'error',
  requirements: [asvs('8.2.2')],
  needs: ['second'],
  async run(scene) {
    const one = await scene.loggedIn();
    const other = await scene.loggedIn(scene.second);
    const reads = Array.from({ length: scene.config.parallel }, (_, i) => (i % 2 === 0 ? one : other));
    const right = await Promise.all(reads.map((visitor) => visitor.isLoggedIn()));
    if (right.includes(false)) return verdictOf(['Of two users one gets what is not theirs, or nothing.']);
    if (!scene.config.write) return { outcome: 'passed' };
    const value = await scene.write(one);
    return verdictOf([
      (await scene.shows(other, value, 'as the second user')) &&
        'The second user sees what the first has written.',
    ]);
  },
};

export const switchedUser: Check = {
  id: 'isolation-switch',
  title: 'A login as another user leaves nothing of the first',
  why: 'On a shared machine the second user gets the data, or the rights, of the first.',
  severity: 'error',
  requirements: [asvs('7.2.4'), asvs('8.2.2')],
  needs: ['second', 'write'],
  async run(scene) {
    const one = await scene.loggedIn();
    const value = await scene.write(one);
    const other = await scene.loggedIn(scene.second, scene.visitor(scene.second, one.cookies));
    const shown = await scene.shows(other, value, 'as the second user, in the same browser');
    return verdictOf([shown && 'The second user sees what the first has written in the same browser.']);
  },
};

export const isolationChecks = [twoUsers, switchedUser];
