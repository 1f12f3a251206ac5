import type { ServerResponse } from 'node:http';
import { Controller, Get, Res } from '@nestjs/common';
import { Session, SessionService } from 'nest-sessions';
import { z } from 'zod';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

interface Data {
  n: number;
  nested: { list: number[] };
}

let failures: Record<string, unknown>[] = [];

async function attempt(change: () => unknown): Promise<void> {
  try {
    await change();
    failures.push({ code: 'none' });
  } catch (error) {
    failures.push({ code: (error as { code?: string }).code ?? (error as Error).name });
  }
}

@Controller()
class LateController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('seed') seed(@Session() session: Session<Data>) {
    session.data.nested = { list: [1] };
    return {};
  }

  @Get('late') async late(
    @Session() session: Session<Data>,
    @Res() reply: ServerResponse & { raw?: ServerResponse },
  ): Promise<void> {
    const { nested } = session.data;
    const response = reply.raw ?? reply;
    response.write('first');
    await attempt(() => (session.data.n = 1));
    await attempt(() => nested?.list.push(2));
    await attempt(() => delete session.data.nested);
    await attempt(() => session.update('n', () => 2));
    await attempt(() => this.sessions.login('alice'));
    await attempt(() => this.sessions.relogin());
    await attempt(() => this.sessions.regenerate());
    await attempt(() => this.sessions.logout());
    await attempt(() => this.sessions.clear());
    response.end('last');
  }

  @Get('stream') async stream(
    @Session() session: Session<Data>,
    @Res() reply: ServerResponse & { raw?: ServerResponse },
  ): Promise<void> {
    session.data.n = 7;
    await session.commit();
    const response = reply.raw ?? reply;
    response.write('first');
    response.end('last');
  }
}

describe.each(sites)('changes after the head on %s', (site) => {
  beforeEach(() => (failures = []));

  it('throw, each of them that cannot be stored, and nothing of them is stored', async () => {
    const { url } = await start(site, { controllers: [LateController] });
    const browser = new Browser(url);
    await browser.get('/seed');
    const before = browser.cookie;
    expect((await browser.get('/late')).body).toBe('firstlast');
    expect(failures.map(({ code }) => code)).toEqual([
      'ERR_HEAD_SENT',
      'TypeError',
      'ERR_HEAD_SENT',
      // Into a store update() writes at any time, see data-streams.spec.ts.
      site.backend.writesWithoutResponse ? 'none' : 'ERR_HEAD_SENT',
      'ERR_HEAD_SENT',
      'ERR_HEAD_SENT',
      'ERR_HEAD_SENT',
      'ERR_HEAD_SENT',
      'ERR_HEAD_SENT',
    ]);
    expect(browser.cookie).toBe(before);
    await browser.get('/late');
    expect(failures[1]).toEqual({ code: 'TypeError' });
  });

  it('throw below an object that a schema froze by itself', async () => {
    const data = z.object({
      n: z.number().optional(),
      nested: z
        .object({ list: z.array(z.number()) })
        .readonly()
        .optional(),
    });
    const { url } = await start(site, { controllers: [LateController], options: { data } });
    const browser = new Browser(url);
    await browser.get('/seed');
    await browser.get('/late');
    expect(failures[1]).toEqual({ code: 'TypeError' });
  });

  it('are not needed by a stream that commits first', async () => {
    const { url } = await start(site, { controllers: [LateController] });
    const answer = await new Browser(url).get('/stream');
    expect(answer.body).toBe('firstlast');
    expect(answer.setCookies).toHaveLength(1);
  });
});
