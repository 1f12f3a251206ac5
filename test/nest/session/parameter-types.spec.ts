import * as common from '@nestjs/common';
import { transformSync } from '@swc/core';
import * as validator from 'class-validator';
import * as sessions from 'nest-sessions';
import ts from 'typescript';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

/** As an application writes it. */
const SOURCE = `
import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { IsInt } from 'class-validator';
import { CurrentSession, Session, SessionService, Subject } from 'nest-sessions';

class Item { @IsInt() count!: number; }

@Controller()
export class CartController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login') @HttpCode(200)
  async login(@Session() session: Session) {
    await this.sessions.login('alice');
    return { state: session.state };
  }

  @Post('cart') @HttpCode(200)
  add(@Body() item: Item, @CurrentSession() session: Session<any>, @Subject() subject: string) {
    session.data.items = [...(session.data.items ?? []), item.count];
    return { subject, loggedIn: session.loggedIn };
  }

  @Get('cart')
  list(@Session('items') items: number[], @Session() one: Session<any>, @CurrentSession() other: Session<any>) {
    return { items, same: one === other, kept: one.data.items };
  }
}
`;

const typescript = (isolatedModules: boolean) => (source: string) =>
  ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      isolatedModules,
    },
  }).outputText;

const compilers: [string, (source: string) => string][] = [
  [
    'SWC',
    (source) =>
      transformSync(source, {
        swcrc: false,
        configFile: false,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      }).code,
  ],
  ['TypeScript, file by file', typescript(true)],
];

const packages: Record<string, object> = {
  '@nestjs/common': common,
  'class-validator': validator,
  'nest-sessions': sessions,
};

function controllerOf(code: string): common.Type {
  const exported: { CartController?: common.Type } = {};
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function('exports', 'require', code) as (exported: object, require: unknown) => void;
  run(exported, (name: string) => packages[name]);
  return exported.CartController!;
}

describe.each(compilers)('parameters of the type Session, compiled by %s', (_compiler, compile) => {
  it('are kept as the decorator, but for ours, which say that they are no class', () => {
    const code = compile(SOURCE);
    // What the compiler leaves: without this the specs below would say nothing.
    expect(code).toMatch(/design:paramtypes[^;]*typeof[^;]*Session/);
    const { prototype } = controllerOf(code) as unknown as { prototype: object };
    const typesOf = (method: string) =>
      (Reflect.getMetadata('design:paramtypes', prototype, method) as { name: string }[]).map(
        ({ name }) => name,
      );
    expect(typesOf('login')).toEqual(['Object']);
    expect(typesOf('add')).toEqual(['Item', 'Object', 'String']);
    expect(typesOf('list')).toEqual(['Array', 'Object', 'Object']);
  });

  it.each(
    platforms.flatMap(([platform]) => [
      [platform, {}] as const,
      [platform, { transform: true }] as const,
      [
        platform,
        { transform: true, whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true },
      ] as const,
    ]),
  )('are the session behind a pipe that validates every parameter (%s, %j)', async (platform, options) => {
    const { url } = await start(platform, {
      controllers: [controllerOf(compile(SOURCE))],
      prepare: (app) =>
        void app.useGlobalPipes(new common.ValidationPipe({ validateCustomDecorators: true, ...options })),
    });
    const browser = new Browser(url);
    expect(await browser.post('/login', {})).toMatchObject({ status: 200 });
    expect((await browser.post('/cart', { count: 'two' })).status).toBe(400);
    for (const count of [2, 3])
      expect((await browser.post('/cart', { count })).json()).toEqual({ subject: 'alice', loggedIn: true });
    expect((await browser.get('/cart')).json()).toEqual({ items: [2, 3], same: true, kept: [2, 3] });
  });
});
