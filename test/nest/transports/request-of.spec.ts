import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { SessionGuard } from '../../../lib/nest/guards/session.guard.js';
import { SESSION_SETTINGS } from '../../../lib/nest/options/tokens.js';
import { requestOf } from '../../../lib/nest/transports/request-of.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

class Handlers {
  handle() {
    return true;
  }
}

function contextOf(type: string, args: unknown[] = []): ExecutionContextHost {
  const context = new ExecutionContextHost(args, Handlers, Handlers.prototype.handle);
  context.setType(type);
  return context;
}

describe('requestOf()', () => {
  const request = { headers: {} };

  it.each([
    ['http', [request]],
    ['graphql', [undefined, undefined, { req: request }]],
    ['graphql', [undefined, undefined, { request }]],
    ['graphql', [undefined, undefined, { extra: { request } }]],
  ])('finds the request of %s', (type, args) => expect(requestOf(contextOf(type, args))).toBe(request));

  it.each(['ws', 'rpc'])('finds none under %s', (type) =>
    expect(requestOf(contextOf(type, [request]))).toBeUndefined(),
  );

  it('names an unknown transport', () => {
    expect(() => requestOf(contextOf('rmq', [request]))).toThrow(
      expect.objectContaining({
        code: 'ERR_NO_SESSION',
        message: expect.stringContaining('"rmq"') as string,
      }),
    );
  });
});

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
    const guard = () => new SessionGuard(app.get(SESSION_SETTINGS));
    expect(guard().canActivate(contextOf('rmq'))).toBe(true);
    await new Browser(url).get('/untouched');
    expect(results).toEqual(['ERR_NO_SESSION']);
  });
});
