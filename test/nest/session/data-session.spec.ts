import { inspect } from 'node:util';
import { Controller, Get, Post } from '@nestjs/common';
import { Session, SessionService, Subject } from 'nest-sessions';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

interface Data {
  cart: { items: string[] };
}

@Controller()
class ObjectController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('login') login() {
    return this.sessions.login('alice');
  }

  @Get('subject') subject(@Subject() subject: string) {
    return { subject };
  }

  @Get('misplaced') misplaced(@Session() session: Session<Data>) {
    try {
      Object.assign(session, { cart: { items: [] } });
    } catch (error) {
      return { error: (error as Error).name };
    }
    return { error: 'none' };
  }

  @Get('copies') copies(@Session() session: Session<Data>) {
    session.data.cart = { items: ['tea'] };
    const copy = structuredClone({ ...session.data });
    copy.cart?.items.push('milk');
    return {
      copy,
      logged: inspect(session.data),
      listed: inspect({ ...session.data }, { customInspect: false }),
      data: session.data,
    };
  }
}

describe.each(sites)('the object of a session on %s', (site) => {
  async function open(): Promise<Browser> {
    const { url } = await start(site, { controllers: [ObjectController] });
    return new Browser(url);
  }

  it('hands out its subject, or 401', async () => {
    const browser = await open();
    const answer = await browser.get('/subject');
    expect([answer.status, answer.json()['code']]).toEqual([401, 'ERR_LOGIN_REQUIRED']);
    await browser.post('/login');
    expect((await browser.get('/subject')).json()).toEqual({ subject: 'alice' });
  });

  it('takes no data but in session.data', async () => {
    const browser = await open();
    expect((await browser.get('/misplaced')).json()).toEqual({ error: 'TypeError' });
  });

  it('has data that can be logged, and copied by a spread', async () => {
    const browser = await open();
    expect((await browser.get('/copies')).json()).toEqual({
      copy: { cart: { items: ['tea', 'milk'] } },
      logged: "{ cart: { items: [ 'tea' ] } }",
      listed: "{ cart: { items: [ 'tea' ] } }",
      data: { cart: { items: ['tea'] } },
    });
  });
});
