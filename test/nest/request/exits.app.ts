import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import {
  BadRequestException,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  Header,
  Head,
  HttpCode,
  Injectable,
  Module,
  Redirect,
  Res,
  Sse,
  StreamableFile,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import { from, map, type Observable } from 'rxjs';
import { SessionService } from 'nest-sessions';

interface AnyReply {
  raw?: ServerResponse;
  status(code: number): AnyReply;
  send(body: unknown): void;
  redirect(url: string): void;
}

const raw = (reply: AnyReply): ServerResponse => reply.raw ?? (reply as unknown as ServerResponse);

@Injectable()
class NobodyGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Catch(BadRequestException)
class TeapotFilter implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<AnyReply>().status(418).send({ teapot: true });
  }
}

/** One route for each way in which a response leaves. */
@Controller('exit')
export class ExitsController {
  @Get('value') value() {
    return { ok: true };
  }

  @Get('empty') @HttpCode(204) empty(): void {}

  @Get('redirect') @Redirect('/exit/value', 302) redirect(): void {}

  @Get('file') @Header('Content-Type', 'text/plain') file() {
    return new StreamableFile(Readable.from([Buffer.from('one '), Buffer.from('two')]));
  }

  @Get('throws') throws(): never {
    throw new ForbiddenException('no');
  }

  @Get('filter') @UseFilters(TeapotFilter) filter(): never {
    throw new BadRequestException();
  }

  @Get('send') send(@Res() reply: AnyReply): void {
    reply.status(200).send({ ok: true });
  }

  @Get('res-redirect') resRedirect(@Res() reply: AnyReply): void {
    reply.status(302).redirect('/exit/value');
  }

  @Get('raw') raw(@Res() reply: AnyReply): void {
    const response = raw(reply);
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write('one ');
    response.end('two');
  }

  @Get('raw-list') rawList(@Res() reply: AnyReply): void {
    raw(reply).writeHead(200, ['X-Twice', 'a', 'X-Twice', 'b', 'Set-Cookie', 'other=1', 'Vary', 'Accept']);
    raw(reply).end('list');
  }

  @Get('raw-implicit') rawImplicit(@Res() reply: AnyReply): void {
    raw(reply).end('implicit');
  }

  @Get('pipe') pipe(@Res() reply: AnyReply): void {
    Readable.from(Array.from({ length: 50 }, (_, i) => Buffer.alloc(20_000, i % 10))).pipe(raw(reply));
  }

  @Get('flush') flush(@Res() reply: AnyReply): void {
    raw(reply).flushHeaders();
    raw(reply).end('flushed');
  }

  @Get('sse') @Header('Cache-Control', 'no-cache') @Sse('sse') sse(): Observable<{ data: string }> {
    return from(['one', 'two']).pipe(map((data) => ({ data })));
  }

  @Get('guard') @UseGuards(NobodyGuard) guard(): void {}

  @Get('send-throw') sendThrow(@Res() reply: AnyReply): never {
    reply.status(200).send({ ok: true });
    throw new Error('after the answer');
  }

  @Get('not-modified') notModified(@Res() reply: AnyReply): void {
    raw(reply).writeHead(304, { ETag: '"1"' });
    raw(reply).end();
  }

  @Head('head') head(): void {}
}

/** Changes the session of every request, before guards and handlers. */
@Injectable()
class TouchMiddleware implements NestMiddleware {
  constructor(private readonly sessions: SessionService<{ touched: string }>) {}

  use(request: { originalUrl: string }, response: ServerResponse, next: () => void): void {
    this.sessions.current.data.touched = request.originalUrl;
    if (!request.originalUrl.startsWith('/answered-by-middleware')) return next();
    response.setHeader('Content-Type', 'text/plain');
    response.end('middleware');
  }
}

@Module({ controllers: [ExitsController] })
export class ExitsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TouchMiddleware).forRoutes('{*path}');
  }
}
