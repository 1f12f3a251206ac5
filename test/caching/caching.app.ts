import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  HttpException,
  Param,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Sse,
  UseGuards,
} from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cacheable, LoginGuard, Session, SessionService } from 'nest-sessions';
import { from } from 'rxjs';
import type { Data } from '../support/app.js';

/** What both adapters' responses have. */
interface Reply {
  header(name: string, value: string): unknown;
  raw?: ServerResponse;
}

type RawCarrier<T> = T & { raw?: T };

const SHARED = 'public, max-age=600, s-maxage=600';

/** What applications, frameworks and proxies' manuals put on a response so that caches keep it. */
export const KEPT_BY = {
  nothing: {},
  'Cache-Control': { 'Cache-Control': SHARED },
  immutable: { 'Cache-Control': 'public, max-age=31536000, immutable' },
  'stale-while-revalidate': {
    'Cache-Control': 'public, max-age=600, stale-while-revalidate=600, stale-if-error=600',
  },
  Expires: { Expires: 'Wed, 01 Jan 2098 00:00:00 GMT' },
  'CDN-Cache-Control': { 'CDN-Cache-Control': SHARED, 'Cloudflare-CDN-Cache-Control': SHARED },
  'Surrogate-Control': { 'Surrogate-Control': 'max-age=600' },
  'X-Accel-Expires': { 'X-Accel-Expires': '600' },
  Vary: { 'Cache-Control': SHARED, Vary: 'Accept-Encoding' },
  ETag: { 'Cache-Control': SHARED, 'Last-Modified': 'Mon, 01 Jan 2001 00:00:00 GMT' },
} satisfies Record<string, Record<string, string>>;

export type KeptBy = keyof typeof KEPT_BY;

/** Pages of somebody: each names who is logged in, and asks to be stored. */
@Controller('shared')
export class CachingController {
  /** How often the handler of a page ran. */
  static readonly runs = new Map<string, number>();

  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('page/:by')
  page(
    @Session() session: Session<Data>,
    @Param('by') by: KeptBy,
    @Query('run') run: string,
    @Res({ passthrough: true }) reply: Reply,
  ) {
    CachingController.runs.set(run, (CachingController.runs.get(run) ?? 0) + 1);
    for (const [name, value] of Object.entries(KEPT_BY[by])) reply.header(name, value);
    return { name: nameOf(session) };
  }

  @Get('guarded')
  @UseGuards(LoginGuard)
  @Header('Cache-Control', SHARED)
  guarded(@Session() session: Session<Data>) {
    return { name: nameOf(session) };
  }

  @Get('current')
  @Header('Cache-Control', SHARED)
  current() {
    return { name: this.sessions.current.subject ?? 'nobody' };
  }

  @Get('error/:status')
  @Header('Cache-Control', SHARED)
  error(@Session() session: Session<Data>, @Param('status') status: string) {
    throw new HttpException({ name: nameOf(session) }, Number(status));
  }

  @Get('redirect')
  @Header('Cache-Control', SHARED)
  @Redirect('/', 302)
  redirect(@Session() session: Session<Data>) {
    return { url: `/home/${nameOf(session)}` };
  }

  @Get('moved')
  @Header('Cache-Control', SHARED)
  @Redirect('/', 301)
  moved(@Session() session: Session<Data>) {
    return { url: `/home/${nameOf(session)}` };
  }

  @Get('raw')
  raw(@Session() session: Session<Data>, @Res() reply: RawCarrier<ServerResponse>) {
    const raw = reply.raw ?? reply;
    raw.writeHead(200, { 'Cache-Control': SHARED, 'Accept-Ranges': 'bytes' });
    raw.end(nameOf(session));
  }

  @Get('stream')
  stream(@Session() session: Session<Data>, @Res() reply: RawCarrier<ServerResponse>) {
    const raw = reply.raw ?? reply;
    raw.setHeader('Cache-Control', SHARED);
    raw.write('This is ');
    raw.write(nameOf(session));
    raw.end('.');
  }

  @Get('validated')
  validated(
    @Session() session: Session<Data>,
    @Req() request: RawCarrier<IncomingMessage>,
    @Res() reply: RawCarrier<ServerResponse>,
  ) {
    const raw = reply.raw ?? reply;
    const tag = `"${nameOf(session)}"`;
    raw.setHeader('Cache-Control', SHARED);
    raw.setHeader('ETag', tag);
    raw.statusCode = request.headers['if-none-match'] === tag ? 304 : 200;
    raw.end(raw.statusCode === 304 ? undefined : nameOf(session));
  }

  @Sse('events')
  events(@Session() session: Session<Data>) {
    return from([{ data: nameOf(session) }]);
  }

  /** A notice for the next page, which is shown once. */
  @Post('flash')
  @HttpCode(200)
  leave(@Session() session: Session<Data>, @Body() body: { text: string }) {
    session.data['flash'] = body.text;
    return { ok: true };
  }

  @Get('flash')
  @Header('Cache-Control', SHARED)
  flash(@Session() session: Session<Data>) {
    const { flash = null } = session.data;
    delete session.data['flash'];
    return { flash };
  }

  @Get('anonymous')
  @Header('Cache-Control', SHARED)
  anonymous(@Query('run') run: string) {
    CachingController.runs.set(run, (CachingController.runs.get(run) ?? 0) + 1);
    return { for: 'everybody' };
  }

  /** Reads the session, and is the same for all. */
  @Get('declared')
  @Cacheable()
  @Header('Cache-Control', SHARED)
  declared(@Session() session: Session<Data>, @Query('run') run: string) {
    CachingController.runs.set(run, (CachingController.runs.get(run) ?? 0) + 1);
    return { known: session.loggedIn || true };
  }
}

const nameOf = (session: Session<Data>): string => session.subject ?? 'nobody';
