import { BadRequestException, Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';

/** What the ValidationPipe finds wrong is an error of HTTP; without this a client would learn of an internal server error. */
@Catch(BadRequestException)
export class BadMessageFilter extends BaseWsExceptionFilter {
  override catch(error: BadRequestException, host: ArgumentsHost): void {
    const { message } = error.getResponse() as { message: string | string[] };
    super.catch(new WsException([message].flat().join(' ')), host);
  }
}
