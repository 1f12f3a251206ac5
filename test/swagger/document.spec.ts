import { jest } from '@jest/globals';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Post,
  UseGuards,
  VersioningType,
  type INestApplication,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiCookieAuth,
  ApiOkResponse,
  ApiUnauthorizedResponse,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import {
  AllowCrossOrigin,
  CurrentUser,
  DeviceBound,
  LoginGuard,
  Logout,
  Public,
  Relogin,
  ReloginGuard,
  Session,
  Subject,
  type SessionModuleOptions,
} from 'nest-sessions';
import { createDocument, SESSION_SCHEME } from 'nest-sessions/swagger';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';

afterEach(closeAll);

@Controller()
class OpenController {
  @Get('open')
  open() {
    return {};
  }

  @Post('login')
  login() {
    return {};
  }

  @Post('callback')
  @AllowCrossOrigin()
  callback() {
    return {};
  }

  @Get('account')
  @UseGuards(LoginGuard)
  account() {
    return {};
  }

  @Post('transfer')
  @Relogin('2m')
  transfer() {
    return {};
  }

  @Get('leave')
  @Logout()
  leave() {
    return {};
  }

  @Get('mine')
  @Public()
  mine(@Subject() subject: string) {
    return { subject };
  }

  @Get('me')
  me(@CurrentUser() user: unknown, @Session() session: Session) {
    return { user, id: session.id };
  }

  @Get('any')
  any(@Session() session: Session) {
    return { id: session.id };
  }

  @Get('told')
  @UseGuards(LoginGuard)
  @ApiUnauthorizedResponse({ description: 'In my own words.' })
  @ApiBearerAuth()
  told() {
    return {};
  }
}

@Controller('bound')
@DeviceBound()
class BoundController {
  @Get()
  index() {
    return {};
  }

  @Post()
  change() {
    return {};
  }

  @Get('public')
  @Public()
  page() {
    return {};
  }
}

class Base {
  @Get()
  index() {
    return {};
  }
}

@Controller({ path: ['words', 'mots'], version: ['1', '2'] })
@UseGuards(LoginGuard)
@ApiUnauthorizedResponse({ description: 'In the words of the class.' })
@ApiCookieAuth(SESSION_SCHEME)
class WordyController extends Base {
  @Get('own')
  @ApiOkResponse({ description: 'Mine.' })
  own() {
    return {};
  }

  @Post('accepted')
  @HttpCode(202)
  accepted() {
    return {};
  }

  @Post('planned')
  planned() {
    return {};
  }

  /** As the compiler plugin of `@nestjs/swagger` leaves it. */
  static _OPENAPI_METADATA_FACTORY() {
    return { planned: { status: 201, type: String }, accepted: { summary: 'Accepts.' } };
  }
}

/** Inherits the same method as the next class, and guards it in another way. */
@Controller('inherited')
class InheritedController extends Base {}

@Controller('closed')
@UseGuards(LoginGuard)
class ClosedController extends Base {
  @Get('public')
  @Public()
  page() {
    return {};
  }

  @Delete()
  @UseGuards(ReloginGuard)
  remove() {
    return {};
  }
}

interface Setup {
  options?: Partial<SessionModuleOptions>;
  guard?: boolean;
  prepare?(app: INestApplication): void;
}

async function documentOf(platform: PlatformName, { options, prepare }: Setup = {}) {
  const made: OpenAPIObject[] = [];
  const { url, app } = await start(platform, {
    controllers: [
      OpenController,
      InheritedController,
      ClosedController,
      WordyController,
      ...(options?.deviceBound ? [BoundController] : []),
    ],
    options,
    prepare: (application) => {
      prepare?.(application);
      const config = new DocumentBuilder().setTitle('Test').build();
      const before = JSON.stringify(config);
      const make = (): OpenAPIObject => createDocument(application, config);
      made.push(make(), make());
      expect(JSON.stringify(config)).toBe(before);
      SwaggerModule.setup('api', application, made[0]!, { ui: false });
    },
  });
  expect(made[1]).toEqual(made[0]);
  return { document: made[0]!, url, app };
}

/** What is told of a route: statuses that are not 2xx, and security. */
function told(document: OpenAPIObject, method: 'get' | 'post' | 'delete', path: string) {
  const { responses, security } = document.paths[path]![method]!;
  return {
    statuses: Object.keys(responses).filter((status) => !status.startsWith('2')),
    security: (security ?? []).flatMap((one) => Object.keys(one)),
  };
}

type Body = { properties: { code: { enum: string[] }; maxAge?: object } };

function codes(document: OpenAPIObject, method: 'get' | 'post' | 'delete', path: string, status: number) {
  const answer = document.paths[path]![method]!.responses[String(status)] as unknown as {
    content: { 'application/json': { schema: Body } };
  };
  return answer.content['application/json'].schema.properties;
}

describe.each(platforms)('an OpenAPI document on %s', (platform) => {
  it('has the session cookie as a security scheme, and one line to add it', async () => {
    const { document, url } = await documentOf(platform, { options: { cookie: { name: 'sid' } } });
    expect(document.components!.securitySchemes).toEqual({
      [SESSION_SCHEME]: {
        type: 'apiKey',
        in: 'cookie',
        name: 'sid',
        description: expect.any(String) as string,
      },
    });
    const served = await new Browser(url).get('/api-json');
    expect(served.json()).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('tells of each handler what our guards and decorators answer', async () => {
    const { document } = await documentOf(platform);
    const needed = { security: ['session'] };
    const none = { security: [] };
    expect(told(document, 'get', '/open')).toEqual({ statuses: [], ...none });
    expect(told(document, 'post', '/login')).toEqual({ statuses: ['403'], ...none });
    expect(told(document, 'post', '/callback')).toEqual({ statuses: [], ...none });
    expect(told(document, 'get', '/account')).toEqual({ statuses: ['401', '503'], ...needed });
    expect(told(document, 'post', '/transfer')).toEqual({ statuses: ['401', '403', '503'], ...needed });
    expect(told(document, 'get', '/leave')).toEqual({ statuses: ['403', '503'], ...none });
    expect(told(document, 'get', '/mine')).toEqual({ statuses: ['401', '503'], ...needed });
    expect(told(document, 'get', '/me')).toEqual({ statuses: ['401', '503'], ...needed });
    expect(told(document, 'get', '/any')).toEqual({ statuses: [], ...none });
    expect(told(document, 'get', '/inherited')).toEqual({ statuses: [], ...none });
    expect(told(document, 'get', '/closed')).toEqual({ statuses: ['401', '503'], ...needed });
    expect(told(document, 'get', '/closed/public')).toEqual({ statuses: [], ...none });
    expect(told(document, 'delete', '/closed')).toEqual({ statuses: ['401', '403', '503'], ...needed });
  });

  it('names the codes of each answer', async () => {
    const { document } = await documentOf(platform);
    expect(codes(document, 'get', '/account', 401).code.enum).toEqual([
      'ERR_LOGIN_REQUIRED',
      'ERR_SESSION_EVICTED',
    ]);
    expect(codes(document, 'get', '/account', 401).maxAge).toBeUndefined();
    expect(codes(document, 'post', '/transfer', 401).code.enum).toContain('ERR_RELOGIN_REQUIRED');
    expect(codes(document, 'post', '/transfer', 401).maxAge).toMatchObject({ type: 'integer' });
    expect(codes(document, 'post', '/transfer', 403).code.enum).toEqual(['ERR_CROSS_ORIGIN']);
    expect(codes(document, 'get', '/account', 503).code.enum).toEqual(['ERR_STORE_UNAVAILABLE']);
    const discreet = await documentOf(platform, { options: { discloseEviction: false } });
    expect(codes(discreet.document, 'get', '/account', 401).code.enum).toEqual(['ERR_LOGIN_REQUIRED']);
  });

  it('tells that a session has to be bound to a device', async () => {
    const { document } = await documentOf(platform, { options: { deviceBound: true } });
    expect(codes(document, 'get', '/bound', 403).code.enum).toEqual(['ERR_DEVICE_REQUIRED']);
    expect(codes(document, 'post', '/bound', 403).code.enum).toEqual([
      'ERR_CROSS_ORIGIN',
      'ERR_DEVICE_REQUIRED',
    ]);
    expect(told(document, 'get', '/bound').security).toEqual(['session']);
    expect(told(document, 'get', '/bound/public').statuses).toEqual([]);
  });

  it('tells it of every handler that needs a login, with require: always', async () => {
    const { document } = await documentOf(platform, { options: { deviceBound: { require: 'always' } } });
    const required = ['ERR_DEVICE_REQUIRED'];
    expect(codes(document, 'get', '/account', 403).code.enum).toEqual(required);
    expect(codes(document, 'get', '/mine', 403).code.enum).toEqual(required);
    expect(codes(document, 'get', '/bound', 403).code.enum).toEqual(required);
    expect(codes(document, 'post', '/transfer', 403).code.enum).toEqual([
      'ERR_CROSS_ORIGIN',
      'ERR_DEVICE_REQUIRED',
    ]);
    expect(codes(document, 'post', '/login', 403).code.enum).toEqual(['ERR_CROSS_ORIGIN']);
    expect(told(document, 'get', '/open').statuses).toEqual([]);
    expect(told(document, 'get', '/any').statuses).toEqual([]);
  });

  it('leaves alone what a handler declares itself', async () => {
    const { document } = await documentOf(platform);
    expect(document.paths['/told']!.get!.responses['401']).toEqual({ description: 'In my own words.' });
    expect(told(document, 'get', '/told').security.sort()).toEqual(['bearer', 'session']);
  });

  it('leaves alone what a class declares for its handlers, whatever their path and version', async () => {
    const { document } = await documentOf(platform, {
      prepare: (app) =>
        app.setGlobalPrefix('api', { exclude: ['open'] }).enableVersioning({ type: VersioningType.URI }),
    });
    for (const path of ['/api/v1/words', '/api/v2/words', '/api/v1/mots', '/api/v2/mots']) {
      const { responses, security } = document.paths[path]!.get!;
      expect(responses['401']).toEqual({ description: 'In the words of the class.' });
      expect([Object.keys(responses), security]).toEqual([['200', '401', '503'], [{ [SESSION_SCHEME]: [] }]]);
    }
    expect(told(document, 'get', '/api/closed').statuses).toEqual(['401', '503']);
  });

  it('keeps the answer of success', async () => {
    const { document } = await documentOf(platform);
    const successes = (method: 'get' | 'post', path: string): object =>
      Object.fromEntries(
        Object.entries(document.paths[path]![method]!.responses).filter(([status]) => status.startsWith('2')),
      );
    expect(successes('get', '/account')).toEqual(successes('get', '/open'));
    expect(successes('post', '/transfer')).toEqual({ '201': { description: '' } });
    expect(successes('post', '/words/accepted')).toEqual({ '202': { description: '' } });
    expect(successes('get', '/words/own')).toEqual({ '200': { description: 'Mine.' } });
    expect(successes('post', '/words/planned')).toEqual({
      '201': { description: '', content: { 'application/json': { schema: { type: 'string' } } } },
    });
    // As without this library: who declares answers declares all of them.
    expect(successes('get', '/told')).toEqual({});
  });

  it('tells of no 403 where requests of other sites are allowed', async () => {
    const { document } = await documentOf(platform, { options: { crossOrigin: 'allow' } });
    expect(told(document, 'post', '/login').statuses).not.toContain('403');
    expect(told(document, 'post', '/transfer').statuses).toEqual(['401', '503']);
  });

  it('knows a guard that is global', async () => {
    const { document } = await documentOf(platform, {
      prepare: (app) => void app.useGlobalGuards(app.get(LoginGuard)),
    });
    expect(told(document, 'get', '/open')).toEqual({ statuses: ['401', '503'], security: ['session'] });
    expect(told(document, 'get', '/closed/public')).toEqual({ statuses: [], security: [] });
  });

  it('leaves the classes as they were', async () => {
    const plain = await documentOf(platform, {
      prepare: (app) => {
        createDocument(app, new DocumentBuilder().build());
        const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
        expect(Object.keys(paths['/account']!.get!.responses)).toEqual(['200']);
      },
    });
    expect(Object.hasOwn(InheritedController.prototype, 'index')).toBe(false);
    expect((await new Browser(plain.url).get('/open')).json()).toEqual({});
  });

  it('tells what the application does', async () => {
    const { document, url } = await documentOf(platform);
    const browser = new Browser(url);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        const { statuses } = told(document, method as 'get', path);
        const { status } = await browser.send(path, { method: method.toUpperCase() });
        expect([path, method, status === 401]).toEqual([path, method, statuses.includes('401')]);
      }
    }
  });
});

jest.setTimeout(30_000);
