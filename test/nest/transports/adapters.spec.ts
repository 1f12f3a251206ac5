import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { LoginGuard, Logout, ReloginGuard, SessionInterceptor } from 'nest-sessions';
import { firstValueFrom, of } from 'rxjs';
import { MessageAdmission } from '../../../lib/nest/sockets/message-admission.js';
import { SocketSessions } from '../../../lib/nest/sockets/socket-sessions.js';
import { SessionGuard } from '../../../lib/nest/guards/session.guard.js';
import { SESSION_SETTINGS } from '../../../lib/nest/options/tokens.js';
import { adapterOf } from '../../../lib/nest/transports/adapters.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

class Handlers {
  handle() {
    return true;
  }

  @Logout()
  leave() {
    return true;
  }
}

function contextOf(type: string, args: unknown[] = []): ExecutionContextHost {
  const context = new ExecutionContextHost(args, Handlers, Handlers.prototype.handle);
  context.setType(type);
  return context;
}

describe('the adapter of a transport', () => {
  const request = { headers: {} };
  const resolver = (value: unknown) => [undefined, undefined, value, undefined];

  it.each([
    ['http', [request]],
    ['graphql', resolver({ req: request })],
    ['graphql', resolver({ request })],
    ['graphql', resolver({ reply: { request } })],
    ['graphql', resolver({ extra: { request } })],
    ['graphql', resolver({ req: { extra: { request } } })],
    ['graphql', resolver({ req: { user: 'of the application' }, reply: { request } })],
    // A resolver of references (Apollo Federation).
    ['graphql', [{ id: '1' }, { req: request }, { path: {} }]],
  ])('finds the request of %s', (type, args) => {
    const context = contextOf(type, args);
    expect(adapterOf(context).requestOf(context)).toBe(request);
  });

  it.each([
    ['ws', [request]],
    ['rpc', [request]],
    ['graphql', resolver(undefined)],
    ['graphql', resolver({})],
    ['graphql', resolver({ request: new Request('http://localhost') })],
  ])('finds none under %s', (type, args) => {
    const context = contextOf(type, args);
    expect(adapterOf(context).requestOf(context)).toBeUndefined();
  });

  it.each([
    ['rmq', 'LoginGuard'],
    ['telegraf', 'ReloginGuard'],
  ])('is missing for %s, which the error names', (type, guard) => {
    const error = expect.objectContaining({
      code: 'ERR_NO_SESSION',
      message: expect.stringMatching(new RegExp(`"${type}".*@Public\\(\\)`)) as string,
    }) as unknown;
    expect(() => adapterOf(contextOf(type))).toThrow(error as Error);
    const login = new LoginGuard(SETTINGS);
    const bound = guard === 'LoginGuard' ? login : new ReloginGuard(SETTINGS, login);
    expect(() => bound.canActivate(contextOf(type))).toThrow(error as Error);
  });

  it('is not needed by a global interceptor, but by @Logout()', async () => {
    const interceptor = new SessionInterceptor();
    const next = { handle: () => of('handled') };
    expect(await firstValueFrom(interceptor.intercept(contextOf('rmq'), next))).toBe('handled');
    const logout = new ExecutionContextHost([], Handlers, Handlers.prototype.leave);
    logout.setType('rmq');
    expect(() => interceptor.intercept(logout, next)).toThrow('"rmq"');
  });
});

const SETTINGS = {
  discloseEviction: true,
  login: { url: undefined },
  relogin: { within: 300_000, url: undefined },
} as never;

describe.each(platforms)('a handler of an unknown transport on %s', (platform) => {
  it('passes the module’s guard outside of a request, and is refused within one', async () => {
    const results: unknown[] = [];
    const { app, url } = await start(platform, {
      controllers: [AppController],
      prepare: (application) =>
        void application.use((_request: unknown, _response: unknown, next: () => void) => {
          try {
            results.push(guard().canActivate(contextOf('rmq')));
          } catch (error) {
            results.push((error as { code: string }).code);
          }
          next();
        }),
    });
    const guard = () =>
      new SessionGuard(app.get(SESSION_SETTINGS), app.get(SocketSessions), app.get(MessageAdmission));
    expect(guard().canActivate(contextOf('rmq'))).toBe(true);
    await new Browser(url).get('/untouched');
    expect(results).toEqual(['ERR_NO_SESSION']);
  });
});
