import { asvs, verdictOf, type Check } from './check.js';
import { CheckError } from '../errors.js';
import { atPointer } from '../http/find.js';
import type { Scene } from '../target/scene.js';
import type { Visitor } from '../target/visitor.js';

const ROUNDS = 3;

export const lostWrites: Check = {
  id: 'lost-write',
  title: 'Of writes at the same time none is lost',
  why: 'A session that is stored as a whole overwrites what another request has stored meanwhile.',
  severity: 'error',
  requirements: [asvs('15.4.2')],
  needs: ['write'],
  async run(scene) {
    const { parallel } = scene.config;
    for (let round = 0; round < ROUNDS; round++) {
      const visitor = await scene.loggedIn();
      const values = await Promise.all(Array.from({ length: parallel }, () => scene.write(visitor)));
      let lost = parallel;
      await scene.eventually(async () => {
        const { body } = await visitor.send(scene.part('write').read);
        lost = values.filter((value) => !body.includes(value)).length;
        return lost === 0;
      });
      if (lost > 0) return verdictOf([`${lost} of ${parallel} writes at the same time are lost.`]);
    }
    return { outcome: 'passed' };
  },
};

export const lostIncrements: Check = {
  id: 'lost-increment',
  title: 'Increments at the same time are all counted',
  why: 'What is read, changed and written back counts too little: a voucher is used twice, a limit never reached.',
  severity: 'error',
  requirements: [asvs('15.4.2')],
  needs: ['increment'],
  async run(scene) {
    const { parallel } = scene.config;
    for (let round = 0; round < ROUNDS; round++) {
      const visitor = await scene.loggedIn();
      await visitor.send(scene.part('increment'));
      const before = await countOf(scene, visitor);
      await Promise.all(Array.from({ length: parallel }, () => visitor.send(scene.part('increment'))));
      let counted = 0;
      await scene.eventually(async () => {
        counted = (await countOf(scene, visitor)) - before;
        return counted === parallel;
      });
      if (counted !== parallel)
        return verdictOf([`Of ${parallel} increments at the same time ${counted} are counted.`]);
    }
    return { outcome: 'passed' };
  },
};

async function countOf(scene: Scene, visitor: Visitor): Promise<number> {
  const { read, count } = scene.part('increment');
  const { body } = await visitor.send(read);
  const found = 'json' in count ? atPointer(body, count.json) : new RegExp(count.matches).exec(body)?.[1];
  const number = typeof found === 'number' || typeof found === 'string' ? Number(found) : Number.NaN;
  if (Number.isNaN(number)) throw new CheckError('increment.count finds no number in increment.read.');
  return number;
}

export const readAfterLogin: Check = {
  id: 'redirect-read',
  title: 'What follows a login at once sees it',
  why: 'A browser follows a redirect before the session is stored: the user is back at the login page.',
  severity: 'error',
  requirements: [asvs('7.2.1')],
  async run(scene) {
    for (let round = 0; round < 5; round++) {
      const visitor = scene.visitor();
      await visitor.login({ headOnly: true });
      if (!(await visitor.isLoggedIn({ fresh: true, note: 'at once, on another connection' })))
        return verdictOf(['The request that follows the login at once is not logged in.']);
    }
    return { outcome: 'passed' };
  },
};

export const readAfterWrite: Check = {
  id: 'write-read',
  title: 'What follows a write at once sees it',
  why: 'The response leaves before the session is stored: users see what was there before, and write it back.',
  severity: 'error',
  requirements: [asvs('15.4.2')],
  needs: ['write'],
  async run(scene) {
    const visitor = await scene.loggedIn();
    for (let round = 0; round < 5; round++) {
      const value = await scene.write(visitor, { headOnly: true });
      const reply = await visitor.send(scene.part('write').read, {
        fresh: true,
        note: 'at once, on another connection',
      });
      if (!reply.body.includes(value))
        return verdictOf(['The request that follows a write at once does not see it.']);
    }
    return { outcome: 'passed' };
  },
};

export const concurrencyChecks = [lostWrites, lostIncrements, readAfterLogin, readAfterWrite];
