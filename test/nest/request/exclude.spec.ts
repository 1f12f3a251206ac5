import {
  Controller,
  Get,
  Module,
  Post,
  RequestMethod,
  VersioningType,
  type INestApplication,
  type MiddlewareConsumer,
  type NestModule,
  type VersioningOptions,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import fc from 'fast-check';
import { SessionModule, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { send } from '../../support/browser.js';
import { platforms, SECRET, type PlatformName } from '../../support/platforms.js';

type Excluded = NonNullable<SessionModuleOptions['exclude']>;
type Setting = { exclude: Excluded; prefix: string | undefined; versioning: VersioningOptions | undefined };

@Controller({ path: 'cats', version: ['1', '2'] })
class CatsController {
  @Get()
  all() {
    return { ok: true };
  }

  @Get(':id')
  one() {
    return { ok: true };
  }

  @Post(':id/toys')
  toy() {
    return { ok: true };
  }
}

const paths = fc.constantFrom(
  '/',
  'cats',
  '/cats',
  '/cats/',
  'cats/:id',
  'cats/:id/toys',
  'cats/{*path}',
  '/cats/*path',
  '{*path}',
  '/CATS',
  '/other',
);
const excluded = fc.oneof(
  paths,
  fc.record(
    {
      path: paths,
      method: fc.constantFrom(RequestMethod.GET, RequestMethod.POST, RequestMethod.HEAD, RequestMethod.ALL),
      version: fc.constantFrom('1', '2'),
    },
    { requiredKeys: ['path', 'method'] },
  ),
);
const settings: fc.Arbitrary<Setting> = fc.record({
  exclude: fc.array(excluded, { minLength: 1, maxLength: 3 }),
  prefix: fc.constantFrom(undefined, 'api'),
  versioning: fc.constantFrom<(VersioningOptions | undefined)[]>(
    undefined,
    { type: VersioningType.URI },
    { type: VersioningType.URI, defaultVersion: '1' },
    { type: VersioningType.HEADER, header: 'x-version' },
  ),
});

const requests = ['', '/api', '/v1', '/api/v1', '/api/v2'].flatMap((base) =>
  [
    '/',
    '/cats',
    '/cats/',
    '/CATS',
    '/cats/7',
    '/cats/7?a=/x',
    '/cats/7/toys',
    '/cats/7/toys/',
    '/cats/%37',
    '/other',
  ].map((path) => base + path),
);
const asked = fc.record({
  path: fc.constantFrom(...requests),
  method: fc.constantFrom('GET', 'POST', 'HEAD'),
  version: fc.constantFrom('1', '2'),
});

/** What Nest's own middleware with the same `exclude` is run for, and what has a session. */
async function run(platform: PlatformName, { exclude, prefix, versioning }: Setting) {
  const seen = { covered: false, nest: false, session: false };
  @Module({ imports: [SessionModule.forRoot({ secret: SECRET, exclude })], controllers: [CatsController] })
  class App implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      const note =
        (what: 'covered' | 'nest') => (_request: unknown, _response: unknown, next: () => void) => {
          seen[what] = true;
          next();
        };
      const everywhere = { path: '{*path}', method: RequestMethod.ALL };
      consumer.apply(note('covered')).forRoutes(everywhere);
      consumer
        .apply(note('nest'))
        .exclude(...exclude)
        .forRoutes(everywhere);
    }
  }
  const module = await Test.createTestingModule({ imports: [App] }).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app: INestApplication = module.createNestApplication(adapter as never, { logger: false });
  if (prefix !== undefined) app.setGlobalPrefix(prefix);
  if (versioning) app.enableVersioning(versioning);
  app.use((_request: unknown, _response: unknown, next: () => void) => {
    try {
      seen.session = app.get(SessionService).current.state !== undefined;
    } catch {
      seen.session = false;
    }
    next();
  });
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const ask = async (request: { path: string; method: string; version: string }) => {
    Object.assign(seen, { covered: false, nest: false, session: false });
    await send(url + request.path, request.method, { 'x-version': request.version });
    return { ...seen };
  };
  return { app, ask };
}

describe.each(platforms)('the option exclude on %s', (platform) => {
  it('excludes exactly the requests that middleware of Nest with the same routes is not run for', async () => {
    let withSession = 0;
    let without = 0;
    const property = fc.asyncProperty(
      settings,
      fc.array(asked, { minLength: 15, maxLength: 15 }),
      async (setting, all) => {
        const { app, ask } = await run(platform, setting);
        try {
          for (const request of all) {
            const { covered, nest, session } = await ask(request);
            // Outside of the prefix Nest runs no middleware at all.
            if (!covered) continue;
            if (session) withSession++;
            else without++;
            expect({ ...request, excluded: !session }).toEqual({ ...request, excluded: !nest });
          }
        } finally {
          await app.close();
        }
      },
    );
    await fc.assert(property, { numRuns: 60 });
    // Otherwise the property says little.
    expect(Math.min(withSession, without)).toBeGreaterThan(20);
  }, 120_000);
});
