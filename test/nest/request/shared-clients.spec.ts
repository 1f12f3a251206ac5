import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Controller, Get, Injectable, Post, HttpCode, UseGuards } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { LoginGuard, Session, SessionService } from 'nest-sessions';
import { map, mergeMap, Observable, Subject, take } from 'rxjs';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

let echo: Server;

beforeAll(async () => {
  echo = createServer((socket) => socket.pipe(socket));
  await once(echo.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  await closeAll();
  SharedClient.close();
});

afterAll(() => echo.close());

/** A client of a microservice as Nest's are: one connection, opened by the first request that sends. */
@Injectable()
class SharedClient {
  static socket: Socket | undefined;
  readonly #answers = new Subject<string>();

  send(text: string): Observable<string> {
    return new Observable((subscriber) => {
      const subscription = this.#answers.pipe(take(1)).subscribe(subscriber);
      this.#open().write(text);
      return subscription;
    });
  }

  #open(): Socket {
    return (SharedClient.socket ??= connect((echo.address() as AddressInfo).port, '127.0.0.1').on(
      'data',
      (data) => this.#answers.next(String(data)),
    ));
  }

  static close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }
}

const waiting: { at?: Gate } = {};

/** As of GraphQL: no request in its context, so its guards ask the asynchronous one. */
@Injectable()
class Resolver {
  constructor(private readonly sessions: SessionService<Data>) {}

  @UseGuards(LoginGuard)
  whose() {
    return { subject: this.sessions.current.subject };
  }
}

@Controller('shared')
class SharedController {
  constructor(
    private readonly sessions: SessionService<Data>,
    private readonly client: SharedClient,
    private readonly creator: ExternalContextCreator,
    private readonly resolver: Resolver,
  ) {}

  @Get('current')
  current() {
    return this.client.send('x').pipe(map(() => ({ subject: this.sessions.current.subject ?? null })));
  }

  @Get('given')
  given(@Session() session: Session<Data>) {
    return this.client.send('x').pipe(map(() => ({ subject: session.subject ?? null })));
  }

  @Get('listed')
  listed() {
    return this.client
      .send('x')
      .pipe(
        mergeMap(async () => ({ current: (await this.sessions.list('alice')).map((one) => one.current) })),
      );
  }

  @Post('revoked')
  @HttpCode(200)
  revoked() {
    return this.client.send('x').pipe(mergeMap(() => this.sessions.revokeAll('alice')));
  }

  @Get('external')
  external() {
    const guarded = this.creator.create(
      this.resolver,
      this.resolver.whose,
      'whose',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      'graphql',
    );
    return this.client
      .send('x')
      .pipe(mergeMap(async () => guarded().catch((error: Error) => ({ error: error.message }))));
  }

  /** Answers when the gate opens. */
  @Get('slow')
  async slow() {
    this.client.send('x').subscribe();
    await waiting.at!.pass();
    return { ok: true };
  }
}

async function open(platform: PlatformName) {
  const { url, app } = await start(platform, {
    controllers: [AppController, SharedController],
    providers: [SharedClient, Resolver],
  });
  const [alice, bob] = [new Browser(url), new Browser(url)];
  await alice.post('/login', { user: 'alice' });
  await bob.post('/login', { user: 'bob' });
  return { alice, bob, sessions: app.get<SessionService<Data>>(SessionService) };
}

describe.each(platforms)('a callback of a client that several requests share, on %s', (platform) => {
  it('has no current session once the request that opened the connection is finished', async () => {
    const { alice, bob } = await open(platform);
    expect((await alice.get('/shared/current')).json()).toEqual({ subject: 'alice' });
    const answer = await bob.get('/shared/current');
    expect([answer.status, answer.body.includes('alice')]).toEqual([500, false]);
    expect((await bob.get('/shared/given')).json()).toEqual({ subject: 'bob' });
  });

  it('names the cause and the remedy', async () => {
    const { alice, sessions } = await open(platform);
    await alice.get('/shared/given');
    const failed = new Promise((resolve) =>
      SharedClient.socket!.once('data', () => {
        try {
          resolve(sessions.current.id);
        } catch (error) {
          resolve(error);
        }
      }),
    );
    SharedClient.socket!.write('x');
    expect(await failed).toMatchObject({
      code: 'ERR_NO_SESSION',
      message: expect.stringMatching(/finished.*@Session\(\)/) as string,
    });
  });

  it('gets the same error from lists and from guards of contexts that are not HTTP', async () => {
    const { alice, bob } = await open(platform);
    expect((await alice.get('/shared/external')).json()).toEqual({ subject: 'alice' });
    expect((await bob.get('/shared/listed')).json()).toEqual({ current: [false] });
    expect((await bob.get('/shared/external')).json()).toEqual({
      error: expect.stringMatching(/^LoginGuard: The context of GraphQL holds no request/) as string,
    });
  });

  it('keeps the cookie of the request that opened the connection', async () => {
    const { alice, bob } = await open(platform);
    await alice.get('/shared/given');
    expect((await bob.post('/shared/revoked')).body).toBe('1');
    expect((await bob.get('/me')).status).toBe(200);
    expect((await alice.get('/me')).status).toBe(401);
  });

  // No asynchronous context can tell: this is why callbacks take what @Session() gave to the handler.
  it('has the session of the request that opened the connection while that one still runs', async () => {
    const { alice, bob } = await open(platform);
    const held = (waiting.at = gate());
    const slow = alice.get('/shared/slow');
    await held.reached;
    expect((await bob.get('/shared/current')).json()).toEqual({ subject: 'alice' });
    expect((await bob.get('/shared/given')).json()).toEqual({ subject: 'bob' });
    held.open();
    expect((await slow).status).toBe(200);
  });
});
