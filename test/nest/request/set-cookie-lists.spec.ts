import { Controller, Get, Post, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Session, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

/** One list for all responses, as a module of the application may declare it. */
const OWN = ['theme=dark', 'beta=1'];

const rawOf = (response: ServerResponse & { raw?: ServerResponse }): ServerResponse =>
  response.raw ?? response;

@Controller('own-cookies')
class OwnCookiesController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('set-header')
  async setHeader(@Session() session: Session<Data>, @Res({ passthrough: true }) response: ServerResponse) {
    await this.sessions.login('maria', { session });
    rawOf(response).setHeader('Set-Cookie', OWN);
    return { ok: true };
  }

  @Post('write-head')
  async writeHead(@Session() session: Session<Data>, @Res() response: ServerResponse) {
    await this.sessions.login('maria', { session });
    rawOf(response).writeHead(200, { 'Set-Cookie': OWN }).end('{}');
  }

  @Post('write-list')
  async writeList(@Session() session: Session<Data>, @Res() response: ServerResponse) {
    await this.sessions.login('maria', { session });
    rawOf(response)
      .writeHead(200, ['Set-Cookie', OWN] as never)
      .end('{}');
  }

  @Get('other')
  other(@Res() response: ServerResponse) {
    rawOf(response).writeHead(200, { 'Set-Cookie': OWN }).end('{}');
  }
}

describe.each(platforms)('on %s', (platform) => {
  it.each(['set-header', 'write-head', 'write-list'])(
    'adds the session cookie to this response only, if the application sets one list on many (%s)',
    async (how) => {
      const { url } = await start(platform, { controllers: [AppController, OwnCookiesController] });
      const answer = await new Browser(url).post(`/own-cookies/${how}`);
      expect(answer.setCookies).toHaveLength(3);
      expect(OWN).toEqual(['theme=dark', 'beta=1']);
      expect((await new Browser(url).get('/own-cookies/other')).setCookies).toEqual(OWN);
    },
  );
});
