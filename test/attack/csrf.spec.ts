import { attackOn, failuresOf } from './attack-on.js';
import { CONFIG, Target } from './target.js';

const targets: Target[] = [];

afterEach(async () => {
  for (const target of targets.splice(0)) await target.close();
});

async function started(csrf: 'json' | 'meta' | 'input' | 'cookie'): Promise<Target> {
  const target = await new Target({ csrf }).listen();
  targets.push(target);
  return target;
}

const header = { header: 'X-CSRF-Token' };
const only = ['logout', 'cross-site-login', 'cross-site-write', 'lost-write', 'no-origin'];

describe('an application with a token against CSRF', () => {
  it.each([
    ['json', { json: '/form/token' }, header],
    ['meta', { meta: 'csrf-token' }, header],
    ['input', { input: '_csrf' }, { field: '_csrf' }],
    ['cookie', { cookie: 'XSRF-TOKEN' }, header],
  ] as const)('gets the token, and no request of another site has it: %s', async (csrf, from, to) => {
    const { url } = await started(csrf);
    const attacked = await attackOn(url, { ...CONFIG, csrf: { path: '/csrf', from, to } }, { only });
    expect([attacked.cookies, failuresOf(attacked)]).toEqual([['__Host-sid'], []]);
    const others = attacked.results.filter(({ outcome }) => outcome !== 'passed');
    expect(others.map(({ id, outcome }) => [id, outcome])).toEqual([['no-origin', 'not applicable']]);
  });

  it('is not attacked without its token', async () => {
    const { url } = await started('json');
    await expect(attackOn(url, CONFIG)).rejects.toThrow('The login does not work: status 403');
    const csrf = { path: '/csrf', from: { json: '/nowhere' }, to: header };
    await expect(attackOn(url, { ...CONFIG, csrf })).rejects.toThrow('There is no CSRF token at /csrf.');
  });
});
