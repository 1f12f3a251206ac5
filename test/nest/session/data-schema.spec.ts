import { BadRequestException, Body, Controller, Get, HttpCode, Post, type Type } from '@nestjs/common';
import { Type as Nested } from 'class-transformer';
import { IsArray, IsDate, IsInt, IsOptional, IsString, ValidateNested } from 'class-validator';
import { isSessionError, Session, SessionService, type StandardSchemaV1 } from 'nest-sessions';
import { z } from 'zod';
import { sites, type BackendSite } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

const Schema = z.object({
  items: z.array(z.object({ note: z.string(), added: z.coerce.date() })).optional(),
  at: z.coerce.date().optional(),
  theme: z.string().default('light'),
  tags: z.array(z.string()).default(() => []),
  visits: z.number().int().optional(),
});

class Item {
  @IsString() note!: string;
  @IsDate() @Nested(() => Date) added!: Date;
}

class Shape {
  @IsOptional() @ValidateNested({ each: true }) @Nested(() => Item) items?: Item[];
  @IsOptional() @IsDate() @Nested(() => Date) at?: Date;
  @IsString() theme: string = 'light';
  @IsArray() tags: string[] = [];
  @IsOptional() @IsInt() visits?: number;
}

/** Without `@Type()` its date is read as a string. */
class Untyped {
  @IsOptional() at?: Date;
}

const shapes: [string, Type | StandardSchemaV1][] = [
  ['a Zod schema', Schema],
  ['a class', Shape],
];

type Act = (session: Session<typeof Schema>, sessions: SessionService<typeof Schema>) => unknown;

let act: Act = () => undefined;
let caught: unknown;

@Controller()
class SchemaController {
  constructor(private readonly sessions: SessionService<typeof Schema>) {}

  @Post('act') @HttpCode(200) async act(@Session() session: Session<typeof Schema>) {
    try {
      return { result: (await act(session, this.sessions)) ?? null, state: session.state };
    } catch (error) {
      caught = error;
      throw error;
    }
  }

  /** As the README has it. */
  @Post('visits') @HttpCode(200) async visits(
    @Session() session: Session<typeof Schema>,
    @Body('visits') visits: number,
  ) {
    try {
      await session.update('visits', () => visits);
    } catch (error) {
      if (isSessionError(error) && error.code === 'ERR_DATA_INVALID')
        throw new BadRequestException('visits: a whole number');
      throw error;
    }
  }

  @Get('data') data(@Session() session: Session<typeof Schema>) {
    return session.data;
  }
}

async function open(site: BackendSite, data: Type | StandardSchemaV1) {
  const { url } = await start(site, { controllers: [SchemaController], options: { data } });
  const browser = new Browser(url);
  const run = async (what: Act) => {
    act = what;
    caught = undefined;
    const answer = await browser.post('/act');
    return { status: answer.status, ...answer.json<{ result?: unknown; state?: string }>(), answer };
  };
  return { browser, run };
}

describe.each(sites)('the output of the option "data" on %s', (site) => {
  describe.each(shapes)('by %s', (_, shape) => {
    it('is what is read: a Date as a Date', async () => {
      const { run } = await open(site, shape);
      const at = new Date('2026-05-04T10:00:00Z');
      const write = await run(({ data }) => {
        data.at = at;
        data.items = [{ note: 'x', added: new Date(1) }];
      });
      expect(write.status).toBe(200);
      const { result } = await run(({ data }) => [
        data.at instanceof Date && data.at.getTime(),
        data.items?.[0]?.added instanceof Date && data.items[0].added.getTime(),
      ]);
      expect(result).toEqual([at.getTime(), 1]);
    });

    it('has defaults, which are not stored until they are changed', async () => {
      const { run, browser } = await open(site, shape);
      const { result } = await run(({ data }) => [
        data.theme,
        data.tags,
        'theme' in data,
        'visits' in data,
        Object.keys(data).sort(),
        { ...data },
      ]);
      const defaults = { theme: 'light', tags: [] };
      expect(result).toEqual(['light', [], true, false, ['tags', 'theme'], defaults]);
      expect(browser.cookie).toBe('');
      expect((await run(({ data }) => data.tags.push('new'))).status).toBe(200);
      expect((await browser.get('/data')).json()).toEqual({ theme: 'light', tags: ['new'] });
      await run(({ data }) => (data.theme = 'dark'));
      expect((await browser.get('/data')).json()).toEqual({ theme: 'dark', tags: ['new'] });
    });

    it('is not stored by reading it', async () => {
      const { run } = await open(site, shape);
      // In an order of their own, and with keys that the schema does not know.
      await run(({ data }) => {
        data.items = [{ added: new Date(1), note: 'x' }];
        data.at = new Date(2);
      });
      const { state, answer } = await run(({ data }) => JSON.stringify(data) + String(data.tags.length));
      expect(state).toBe('clean');
      expect(answer.setCookies).toEqual([]);
    });

    it('is stored where it was changed in place', async () => {
      const { run, browser } = await open(site, shape);
      await run(({ data }) => {
        data.at = new Date(2);
        data.items = [{ note: 'x', added: new Date(1) }];
      });
      await run(({ data }) => {
        data.at?.setTime(5);
        data.items?.push({ note: 'y', added: new Date(6) });
      });
      const json = (time: number) => new Date(time).toJSON();
      expect((await browser.get('/data')).json()).toMatchObject({
        at: json(5),
        items: [
          { note: 'x', added: json(1) },
          { note: 'y', added: json(6) },
        ],
      });
    });

    it('is what update() gets, and what it may return', async () => {
      const { run } = await open(site, shape);
      await run(({ data }) => (data.at = new Date(2)));
      const { status } = await run(async (session) => {
        await session.update('at', (at) => new Date(at!.getTime() + 1));
        await session.update('tags', (tags) => [...tags!, 'a']);
      });
      expect(status).toBe(200);
      const { result } = await run(({ data }) => [data.at?.getTime(), data.tags]);
      expect(result).toEqual([3, ['a']]);
    });

    it('is carried over by login() and regenerate()', async () => {
      const { run } = await open(site, shape);
      const { result } = await run(async (session, sessions) => {
        session.data.at = new Date(2);
        await sessions.regenerate({ keep: ['at'] });
        const { at } = session.data;
        await sessions.login('alice', { keep: ['at'] });
        await sessions.regenerate({ keep: ['at'] });
        return [at?.getTime(), session.data.at?.getTime()];
      });
      expect(result).toEqual([2, 2]);
      expect((await run(({ data }) => data.at?.getTime())).result).toBe(2);
    });

    it.each<[string, Act]>([
      ['login()', (_session, sessions) => sessions.login('alice', { keep: ['visits'] })],
      ['regenerate()', (_session, sessions) => sessions.regenerate({ keep: ['visits'] })],
    ])('is required of what %s carries over', async (_, carryOver) => {
      const { run, browser } = await open(site, shape);
      for (const path of ['new', 'stored']) {
        const { status } = await run((session, sessions) => {
          (session.data as Record<string, unknown>)['visits'] = 'many';
          return carryOver(session, sessions);
        });
        expect([path, status]).toEqual([path, 500]);
        expect(caught).toMatchObject({ code: 'ERR_DATA_INVALID' });
        expect((await browser.get('/data')).json()).not.toHaveProperty('visits');
        expect((await run(({ data }) => (data.theme = 'dark'))).status).toBe(200);
      }
    });

    it('is required of a write: 500 with the key, or 400 where the handler catches it', async () => {
      const { run, browser } = await open(site, shape);
      for (const path of ['new', 'stored']) {
        expect((await run(({ data }) => ((data as Record<string, unknown>)['visits'] = 'many'))).status).toBe(
          500,
        );
        const { status } = await run((session) => {
          (session.data as Record<string, unknown>)['visits'] = 'many';
          return session.commit();
        });
        expect([path, status]).toEqual([path, 500]);
        expect(caught).toMatchObject({
          code: 'ERR_DATA_INVALID',
          message: expect.stringContaining('session.data: visits does not fit'),
        });
        expect((await browser.post('/visits', { visits: 'many' })).status).toBe(400);
        expect((await browser.get('/data')).json()).not.toHaveProperty('visits');
        expect((await run(({ data }) => (data.theme = 'dark'))).status).toBe(200);
      }
      expect((await browser.post('/visits', { visits: 3 })).status).toBe(200);
      expect((await browser.get('/data')).json()).toMatchObject({ visits: 3 });
    });
  });

  it.each<[string, Type | StandardSchemaV1]>([
    ['a schema', z.looseObject({})],
    ['a class', Untyped],
  ])('a Date that %s does not read as one is refused', async (_, shape) => {
    const { run } = await open(site, shape);
    const { status } = await run((session) => {
      session.data.at = new Date(0);
      return session.commit();
    });
    expect([status, (caught as { code: string }).code]).toEqual([500, 'ERR_DATA_NOT_SERIALIZABLE']);
  });

  it.each<[string, Act]>([
    ['login()', (_session, sessions) => sessions.login('alice', { keep: ['at'] })],
    ['regenerate()', (_session, sessions) => sessions.regenerate({ keep: ['at'] })],
  ])('a Date that a schema does not read as one is not carried over by %s', async (_, carryOver) => {
    const { run } = await open(site, z.looseObject({}));
    const { status } = await run((session, sessions) => {
      session.data.at = new Date(0);
      return carryOver(session, sessions);
    });
    expect([status, (caught as { code: string }).code]).toEqual([500, 'ERR_DATA_NOT_SERIALIZABLE']);
  });

  it('has the defaults of a Zod schema whose other keys are required', async () => {
    const { browser, run } = await open(
      site,
      z.object({ at: z.coerce.date(), theme: z.string().default('light') }),
    );
    expect((await browser.get('/data')).json()).toEqual({ theme: 'light' });
    await run(({ data }) => (data.at = new Date(2)));
    expect((await run(({ data }) => data.at?.getTime())).result).toBe(2);
  });

  it('that JSON cannot write is refused when it is read', async () => {
    const schema = z.object({
      tags: z
        .array(z.string())
        .transform((tags) => new Set(tags))
        .optional(),
    });
    const { run } = await open(site, schema);
    await run(({ data }) => (data.tags = ['a']));
    expect((await run(({ data }) => data.tags)).status).toBe(500);
    expect(caught).toMatchObject({ code: 'ERR_DATA_NOT_SERIALIZABLE' });
  });

  it('that requires one key for another refuses what lacks it', async () => {
    const { run } = await open(
      site,
      z
        .object({ at: z.coerce.date().optional(), visits: z.number().optional() })
        .refine((data) => data.at === undefined || data.visits !== undefined, { path: ['visits'] }),
    );
    expect((await run(({ data }) => (data.at = new Date(2)))).status).toBe(500);
    const both = await run(({ data }) => {
      data.at = new Date(2);
      data.visits = 1;
    });
    expect(both.status).toBe(200);
  });
});

describe('a schema that requires keys', () => {
  it('is refused at boot with the remedy, if it cannot be made partial', async () => {
    const shape = z.object({ at: z.string() }).refine(() => true);
    const standard: StandardSchemaV1 = { '~standard': shape['~standard'] };
    await expect(open(sites[0]![0], standard)).rejects.toThrow(
      /data: the schema requires at, but a session begins without data\. Make its keys optional/,
    );
  });
});
