import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Redirect,
  Res,
  UnauthorizedException,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Session, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Holds } from './holds.js';

/** The routes of the other specs, and those that they lack. */
@Controller()
export class ConformanceController extends AppController {
  constructor(
    private readonly service: SessionService<Data>,
    private readonly holds: Holds,
  ) {
    super(service);
  }

  @Get('read-and-fail')
  readAndFail(@Session() session: Session<Data>) {
    throw new Error(session.subject ?? 'nobody');
  }

  @Get('cached')
  @Header('cache-control', 'public, max-age=3600')
  cached(@Session() session: Session<Data>) {
    session.data['seen'] = 'cached';
    return { ok: true };
  }

  @Get('slow')
  async slow(@Session() session: Session<Data>) {
    const { subject } = session;
    await this.holds.pass();
    return { subject };
  }

  @Post('slow-data')
  @HttpCode(200)
  async slowData(@Session() session: Session<Data>, @Body() body: Data) {
    await this.holds.pass();
    Object.assign(session.data, body);
    return { ok: true };
  }

  @Post('redirect')
  @Redirect('/look', 303)
  redirect(@Session() session: Session<Data>, @Body() body: Data) {
    Object.assign(session.data, body);
  }

  @Post('many')
  @HttpCode(200)
  async many(@Session() session: Session<Data>) {
    session.data['a'] = 1;
    await this.service.regenerate();
    session.data['b'] = 2;
    await session.commit();
    await this.service.relogin();
    await this.service.regenerate();
    return { ok: true };
  }

  /** A failed proof, by what the suite sends. */
  @Post('relogin')
  @HttpCode(200)
  override async relogin(
    @Body() { fails, ...options }: { fails?: boolean; factor?: string; subject?: string },
  ) {
    if (fails) throw new UnauthorizedException();
    await this.service.relogin(options);
    return { ok: true };
  }

  /** Fails when the response is gone. */
  @Get('late')
  late(@Res() response: ServerResponse) {
    response.end('{}');
    setImmediate(() => response.end('too late'));
    throw new Error('after the response');
  }
}
