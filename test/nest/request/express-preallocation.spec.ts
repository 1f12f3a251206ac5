import { ServerResponse, type Server } from 'node:http';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import express, { type Express, type Request, type Response } from 'express';
import { Session } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

/** Hands requests on to an application of Express's own, which changes the prototype of the response once more. */
const mounted = express();
mounted.use((_request, response) => void response.json({ from: 'mounted' }));

@Controller()
class MountingController {
  @Post('hand-on')
  handOn(@Session() session: Session, @Req() request: Request, @Res() response: Response) {
    Object.assign(session.data, { handedOn: true });
    mounted(request, response);
  }

  @Get('excluded')
  excluded() {
    return { ok: true };
  }
}

const expressOf = (app: { getHttpAdapter(): { getInstance(): unknown } }) =>
  app.getHttpAdapter().getInstance() as Express;

describe('an application of Express', () => {
  afterEach(closeAll);

  it.each(['/untouched', '/look', '/excluded'])(
    'that gave its responses a method of its own is heard at %s',
    async (path) => {
      const { url } = await start('express', {
        controllers: [AppController, MountingController],
        options: { exclude: ['/excluded'] },
        prepare(app) {
          const { response } = expressOf(app);
          response.writeHead = function (this: Response, ...args: unknown[]) {
            this.setHeader('X-Shop', 'open');
            return ServerResponse.prototype.writeHead.apply(this, args as [number]);
          } as never;
        },
      });
      const answer = await new Browser(url).get(path);
      expect([answer.status, answer.headers['x-shop']]).toEqual([200, 'open']);
    },
  );

  it('that is mounted in a handler responds when the session is stored', async () => {
    const { url } = await start('express', { controllers: [AppController, MountingController] });
    const browser = new Browser(url);
    const answer = await browser.post('/hand-on');
    expect([answer.status, answer.json(), answer.setCookies.length]).toEqual([201, { from: 'mounted' }, 1]);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { handedOn: true } });
  });

  it('finds room for the session in each request, where V8 would make a hidden class for what comes later', async () => {
    const found: boolean[] = [];
    const { url } = await start('express', {
      controllers: [AppController],
      // A listener that is prepended later comes earlier: the one of the library before this, and Express after it.
      prepare: (app) =>
        void (app.getHttpServer() as Server).prependListener('request', (request, response) => {
          const names = ['writeHead', 'write', 'end', 'flushHeaders'];
          found.push(names.every((name) => Object.hasOwn(response, name)));
          found.push(
            Object.getOwnPropertySymbols(request).some((one) => one.description?.includes('session')),
          );
        }),
    });
    await new Browser(url).get('/look');
    const needed = Number(process.versions.node.split('.')[0]) < 24;
    expect(found).toEqual([needed, needed]);
  });
});
