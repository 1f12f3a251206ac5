import {
  Controller,
  Get,
  Post,
  RequestMethod,
  UseGuards,
  VersioningType,
  type INestApplication,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { LoginGuard, Public, type SessionModuleOptions } from 'nest-sessions';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

@Controller('health')
class HealthController {
  @Get()
  get() {
    return {};
  }

  @Get('database')
  database() {
    return {};
  }
}

@Controller('users')
class UsersController {
  @Get(':id')
  one() {
    return {};
  }

  @Post(':id/avatar')
  avatar() {
    return {};
  }
}

@Controller(':slug')
class PagesController {
  @Get()
  page() {
    return {};
  }
}

/** Decides by itself whether it asks for a login. */
class KeyGuard extends LoginGuard {
  override canActivate(): boolean {
    return true;
  }
}

type Exclude = NonNullable<SessionModuleOptions['exclude']>;
type Prepare = (app: INestApplication) => void;

const plain: Prepare = () => undefined;
const prefixed: Prepare = (app) => void app.setGlobalPrefix('api');
const versioned: Prepare = (app) =>
  void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
const versionedByHeader: Prepare = (app) =>
  void app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' });
const both: Prepare = (app) => {
  prefixed(app);
  versioned(app);
};

async function warnings(platform: PlatformName, exclude: Exclude, configure: Prepare): Promise<string[]> {
  const sink = new LogSink();
  await start(platform, {
    options: { exclude },
    controllers: [HealthController, UsersController, PagesController],
    prepare: (app) => {
      configure(app);
      sink.attach(app);
    },
  });
  return sink.lines.filter((line) => line.includes('exclude: '));
}

describe.each(platforms)('an entry of exclude, on %s', (platform) => {
  it.each<[string, Exclude, Prepare, RegExp]>([
    ['a version is missing', ['health'], versioned, /'health' matches no route.*GET \/v1\/health,/],
    ['a version behind a prefix is missing', ['/health'], both, /GET \/api\/v1\/health,/],
    ['the prefix is written, which Nest adds', ['api/health'], prefixed, /'api\/health'.*GET \/api\/health,/],
    [
      'the prefix is written and the version is missing',
      ['api/health'],
      both,
      /'api\/health' matches no route.*GET \/api\/v1\/health,/,
    ],
    [
      'the prefix of a longer path is written and the version is missing',
      ['/api/users/:id/avatar'],
      both,
      /POST \/api\/v1\/users\/:id\/avatar,/,
    ],
    [
      'the prefix is written before a wildcard and the version is missing',
      ['api/health/*path'],
      both,
      /GET \/api\/v1\/health\/database,/,
    ],
    [
      'the prefix is written and the version is in an object',
      [{ path: 'api/health', method: RequestMethod.ALL, version: '1' }],
      both,
      /'api\/health' of version 1 matches no route.*GET \/api\/v1\/health,/,
    ],
    ['it is below the route that is meant', ['health/*path'], versioned, /GET \/v1\/health\/database,/],
    ['two letters are wrong', ['/health/databsae'], plain, /'\/health\/databsae'.*GET \/health\/database,/],
    ['the method is another', [{ path: 'health', method: RequestMethod.POST }], plain, /GET \/health,/],
    ['a parameter is fixed', ['users/me'], versioned, /GET \/v1\/users\/:id,/],
    ['a parameter is a parameter', ['users/:name/avatar'], versioned, /POST \/v1\/users\/:id\/avatar,/],
    [
      'no route has its version',
      [{ path: 'health', method: RequestMethod.ALL, version: '2' }],
      both,
      /'health' of version 2 matches no route.*GET \/api\/v1\/health,/,
    ],
    [
      'none has one of its versions',
      [{ path: 'users/:id', method: RequestMethod.GET, version: ['3', '4'] }],
      versioned,
      /'users\/:id' of version 3 or 4 .*GET \/v1\/users\/:id,/,
    ],
    [
      'the version is written twice',
      [{ path: 'v1/health', method: RequestMethod.ALL, version: '1' }],
      versioned,
      /'v1\/health' of version 1 .*GET \/v1\/health,/,
    ],
    [
      'the method is another and the version is in a header',
      [{ path: 'health', method: RequestMethod.POST, version: '1' }],
      versionedByHeader,
      /'health' of version 1 .*GET \/health,/,
    ],
  ])('is warned of where %s', async (_, exclude, configure, told) => {
    const lines = await warnings(platform, exclude, configure);
    expect(lines).toEqual([expect.stringMatching(told)]);
    expect(lines[0]).toMatch(/^warn: .*without the global prefix.*version/);
  });

  it.each<[string, Exclude, Prepare]>([
    ['of a route', ['health'], plain],
    ['of a route behind a prefix', ['health'], prefixed],
    ['of a version', ['v1/health'], both],
    ['of a version in an object', [{ path: 'health', method: RequestMethod.ALL, version: '1' }], versioned],
    [
      'of a version in a header',
      [{ path: 'health', method: RequestMethod.ALL, version: '1' }],
      versionedByHeader,
    ],
    ['of any version in a header', ['health'], versionedByHeader],
    ['of one user', ['users/me'], plain],
    ['of one user behind a prefix', ['users/me'], prefixed],
    ['of one page', ['about'], plain],
    ['with a wildcard', ['health/*path'], plain],
    ['of everything', ['{*path}'], versioned],
    ['of static files', ['/assets/*path', 'robots.txt', '/favicon.ico'], both],
    ['of static files below the prefix', ['api/assets/*path', 'api/docs', 'api/metrics'], both],
    ['of middleware', ['metrics', '/graphql', { path: 'queues/ui', method: RequestMethod.GET }], versioned],
  ])('is not warned of: one %s', async (_, exclude, configure) => {
    expect(await warnings(platform, exclude, configure)).toEqual([]);
  });

  it('is warned of one by one', async () => {
    expect(await warnings(platform, ['health', 'v1/health', 'users/:id'], versioned)).toHaveLength(2);
  });
});

@Controller()
class ProbeController {
  @Get('ready')
  ready() {
    return {};
  }

  @Get('public')
  @Public()
  open() {
    return {};
  }

  @Get('bound')
  @UseGuards(LoginGuard)
  bound() {
    return {};
  }

  @Get('keyed')
  @UseGuards(KeyGuard)
  keyed() {
    return {};
  }
}

@Controller('nested')
class NestedController {
  @Get('ready')
  @Public()
  ready() {
    return {};
  }
}

describe.each(platforms)('a route of exclude that a guard asks for a login, on %s', (platform) => {
  const told = async (exclude: Exclude, guarded: boolean, configure: Prepare = plain): Promise<string[]> => {
    const sink = new LogSink();
    const { url } = await start(platform, {
      options: { exclude },
      controllers: [ProbeController, NestedController],
      providers: guarded ? [{ provide: APP_GUARD, useExisting: LoginGuard }] : [],
      prepare: (app) => {
        configure(app);
        sink.attach(app);
      },
    });
    expect(url).toBeTruthy();
    return sink.lines.filter((line) => line.includes('exclude: '));
  };

  it.each<[string, Prepare, string]>([
    ['', plain, '/ready'],
    [' behind prefix and version', both, '/api/v1/ready'],
  ])('is warned of where the guard is global%s', async (_, configure, path) => {
    const entry = path.replace('/api', '');
    const lines = await told([entry, entry.replace('ready', 'public')], true, configure);
    expect(lines).toEqual([
      expect.stringMatching(
        `^warn: exclude: GET ${path} have no session, .*global guard.*401.*@Public\\(\\)`,
      ),
    ]);
  });

  it('is warned of where the guard is bound to it', async () => {
    expect(await told(['/bound', '/ready', '/keyed', '/nested/ready'], false)).toEqual([
      expect.stringMatching(/exclude: GET \/bound have no session.*Drop the guard/),
    ]);
  });

  it('is not warned of where it is public, or another guard decides', async () => {
    expect(await told(['/public', '/nested/ready'], true)).toEqual([]);
    expect(await told(['/ready', '/public'], false)).toEqual([]);
  });
});
