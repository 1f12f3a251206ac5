import { UseFilters } from '@nestjs/common';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import { CurrentUser, Relogin, Session } from 'nest-sessions';
import type { Server, Socket } from 'socket.io';
import type { User } from '../users/users.service.js';
import { BadMessageFilter } from './bad-message.filter.js';
import type { ChatLine } from './chat.data.js';
import { SayMessage } from './say.message.js';

const MOST = 50;

/**
 * A gateway as without nest-sessions. The handshake is refused without a login, as all handlers need one, and the socket is
 * closed as its session ends.
 */
@WebSocketGateway()
@UseFilters(BadMessageFilter)
export class ChatGateway implements OnGatewayConnection {
  @WebSocketServer() private readonly server!: Server;
  #lines: ChatLine[] = [];

  handleConnection(client: Socket): void {
    client.emit('lines', this.#lines);
  }

  /** Session and user are those of the handshake, brought up to date. */
  @SubscribeMessage('say')
  async say(
    @CurrentUser() { name }: User,
    @Session() session: Session,
    @MessageBody() { text }: SayMessage,
  ): Promise<boolean> {
    await session.update('said', (said = 0) => said + 1);
    return this.#show([...this.#lines, { name, text }].slice(-MOST));
  }

  /** Takes away what everybody said, so it takes a recent login. */
  @SubscribeMessage('clear')
  @Relogin()
  clear(): boolean {
    return this.#show([]);
  }

  /** True, as the acknowledgement of the message. */
  #show(lines: ChatLine[]): true {
    this.#lines = lines;
    this.server.emit('lines', lines);
    return true;
  }
}
