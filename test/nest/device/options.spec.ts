import { Test } from '@nestjs/testing';
import { isSessionError, SessionModule } from 'nest-sessions';
import { SECRET } from '../../support/platforms.js';

/** What an application says at its start with these options, whatever their types. */
async function complaint(options: object): Promise<string> {
  try {
    const module = await Test.createTestingModule({
      imports: [SessionModule.forRoot({ secret: SECRET, ...options })],
    }).compile();
    await module.close();
  } catch (error) {
    if (isSessionError(error) && error.code === 'ERR_OPTIONS') return error.message;
    throw error;
  }
  return '';
}

const WRONG: [unknown, RegExp][] = [
  ['yes', /deviceBound: give an object, .*deviceBound: true/],
  ['/device', /deviceBound: give an object, .*path: "\/device"/],
  [1, /deviceBound/],
  [{ paths: '/x' }, /"deviceBound\.paths".*path/],
  [{ path: 'device' }, /deviceBound\.path: a path such as/],
  [{ path: '/' }, /deviceBound\.path: a path such as/],
  [{ path: '/device/' }, /deviceBound\.path: .*or a slash at its end/],
  [{ path: '/de"vice' }, /deviceBound\.path/],
  [{ path: '/device?x=1' }, /deviceBound\.path/],
  [{ path: '/device?' }, /deviceBound\.path: .*without query/],
  [{ path: '/device#x' }, /deviceBound\.path/],
  [{ path: '//device' }, /deviceBound\.path/],
  [{ path: '/a//device' }, /deviceBound\.path/],
  [{ path: '/a/./device' }, /deviceBound\.path: .*'\.\.'/],
  [{ path: '/a/../device' }, /deviceBound\.path/],
  [{ path: '/device/..' }, /deviceBound\.path/],
  [{ path: '/a/%2e%2E/device' }, /deviceBound\.path/],
  [{ path: '/a/.%2e/device' }, /deviceBound\.path/],
  [{ path: '/a%2Fdevice' }, /deviceBound\.path: .*encoded slash/],
  [{ path: '/a%5cdevice' }, /deviceBound\.path/],
  [{ path: '/a\\device' }, /deviceBound\.path/],
  [{ path: '/100%' }, /deviceBound\.path/],
  [{ path: '/a%zz' }, /deviceBound\.path/],
  [{ path: '/séance' }, /deviceBound\.path: .*percent-encoded/],
  [{ path: '/de vice' }, /deviceBound\.path/],
  [{ path: '/device\n' }, /deviceBound\.path/],
  [{ path: 'https://a.example/device' }, /deviceBound\.path/],
  [{ scope: { exclude: ['/a/../assets'] } }, /deviceBound\.scope\.exclude: a list of paths/],
  [{ cookieLifetime: '1m' }, /deviceBound\.cookieLifetime: at least '5m'/],
  [{ cookieLifetime: '2h' }, /deviceBound\.cookieLifetime: at most '1h'/],
  [{ cookieLifetime: 'soon' }, /deviceBound\.cookieLifetime: .*not a duration/],
  [{ scope: true }, /deviceBound\.scope: give an object/],
  [{ scope: { includeSite: 'yes' } }, /deviceBound\.scope\.includeSite: true or false/],
  [{ scope: { includeSite: true } }, /deviceBound\.scope\.includeSite: .*cookie\.domain/],
  [{ scope: { exclude: '/assets' } }, /deviceBound\.scope\.exclude: a list of paths/],
  [{ scope: { exclude: ['/assets/*path'] } }, /deviceBound\.scope\.exclude: .*without wildcards/],
  [{ scope: { exclude: ['/files/:id'] } }, /deviceBound\.scope\.exclude: .*without wildcards/],
  [{ scope: { initiators: 'app.example.com' } }, /deviceBound\.scope\.initiators: a list of hosts/],
  [{ scope: { initiators: ['*'] } }, /deviceBound\.scope\.initiators: .*without scheme, port and wildcards/],
  [{ scope: { initiators: ['https://app.example.com'] } }, /deviceBound\.scope\.initiators/],
  [{ scope: { initiators: ['app.example.com:8443'] } }, /deviceBound\.scope\.initiators/],
  [{ require: 'never' }, /deviceBound\.require: one of 'supported' and 'always'/],
  [{ algorithms: [] }, /deviceBound\.algorithms: a list of 'ES256' and 'RS256'/],
  [{ algorithms: ['none'] }, /deviceBound\.algorithms/],
  [{ algorithms: ['HS256'] }, /deviceBound\.algorithms/],
];

describe('the option deviceBound', () => {
  it.each(WRONG)('%j fails at boot, by name and with a remedy', async (deviceBound, message) => {
    expect(await complaint({ deviceBound })).toMatch(message);
  });

  it.each([
    [{ cookie: { secure: false } }, /deviceBound: .*HTTPS.*cookie\.secure/],
    [
      { cookie: { sameSite: 'none', partitioned: true } },
      /deviceBound: browsers refuse .*cookie\.partitioned/,
    ],
    [{ cookie: { path: '/app' } }, /deviceBound\.path: .*cookie\.path is '\/app'/],
  ])('does not go with %j', async (options, message) => {
    expect(await complaint({ deviceBound: true, ...options })).toMatch(message);
  });

  it.each([
    true,
    false,
    null,
    {},
    { path: '/a/b.c', cookieLifetime: '5m', scope: {}, require: 'always', algorithms: ['RS256'] },
    { cookieLifetime: 3_600_000, scope: { exclude: ['/assets', '/img/x'] } },
  ])('takes %j', async (deviceBound) => {
    expect(await complaint({ deviceBound })).toBe('');
  });

  it('needs a store that keeps keys', async () => {
    const store = {
      createBackend: () => ({ subscribe: () => undefined, close: () => undefined, cookieIsRecord: false }),
    };
    expect(await complaint({ store, deviceBound: true })).toMatch(/deviceBound: .*"store" keeps no keys/);
    expect(await complaint({ store, deviceBound: false })).not.toMatch(/deviceBound/);
  });
});
