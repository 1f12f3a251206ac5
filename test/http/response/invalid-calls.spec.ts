import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { compiled, type Compiled } from '../../support/compiled.js';
import type { Compared } from '../../support/invalid-calls.js';
import { platforms } from '../../support/platforms.js';

jest.setTimeout(120_000);

let scripts: Compiled;
beforeAll(async () => (scripts = await compiled()));
afterAll(() => scripts.remove());

/** What is wrong in a way that Node without the module ends the process over, or answers half. */
const ALONE = /^\/(?:after-end|encoding|throwing)/;

/*
 * What Node refuses, an application is told at the call, and its client what it would be told without the module.
 */
describe.each(platforms)('an invalid call on %s', (platform) => {
  describe.each(['plain', 'compressed'])('%s', (front) => {
    let results: Compared[];
    beforeAll(async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        scripts.script('invalid-calls'),
        platform,
        front,
      ]);
      results = JSON.parse(stdout) as Compared[];
    });

    it('is answered as without the module, and the application goes on', () => {
      const compared = results.filter((one) => !ALONE.test(one.path));
      expect(compared.length).toBeGreaterThan(60);
      expect(compared.map(({ path, hooked }) => ({ path, answer: hooked }))).toEqual(
        compared.map(({ path, plain }) => ({ path, answer: plain })),
      );
    });

    it('never ends the process, and always ends in a response', () => {
      // Fastify itself ends the process over a status message that stays on the response after Node has refused it.
      const own = results.filter(({ plain }) => plain !== 'hangs');
      expect(results.length - own.length).toBe(platform === 'fastify' ? 4 : 0);
      expect(own.filter(({ escaped, hooked }) => escaped.length > 0 || hooked === 'hangs')).toEqual([]);
    });

    it('after the end changes nothing, and with an unknown encoding is an error of the handler', () => {
      const answer = (path: string) => results.find((one) => one.path === path)!.hooked;
      expect(answer('/after-end')).toMatchObject({ status: 200, body: 'text' });
      // Compression has begun an empty response before it looks at the encoding.
      expect(answer('/encoding')).toMatchObject(
        front === 'plain' ? { status: 500 } : { status: 200, body: '' },
      );
    });

    it('is no failure of the response, but an uncaught error of a listener is logged', () => {
      const throwing = results.filter(({ path }) => path.startsWith('/throwing'));
      expect(throwing).toHaveLength(4);
      for (const { logged } of throwing) expect(logged).toContain('a listener failed');
    });
  });
});
