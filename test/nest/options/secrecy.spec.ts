import { inspect } from 'node:util';
import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  cookieKeys,
  MemoryStore,
  SessionModule,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { StoreContext } from 'nest-sessions/store';
import { SealedCookie } from 'nest-sessions/sealed';
import { withoutValues } from '../../../lib/core/storage/health/driver-error.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../../support/platforms.js';

afterEach(closeAll);

const OLD = 'another-one-of-32-bytes-or-more-0123456789';
const secret = [SECRET, OLD];

/** A store of an application's own that keeps in the open what it was given. */
class OpenStore extends MemoryStore {
  context: StoreContext | undefined;

  override bind(context: StoreContext): void {
    this.context = context;
    super.bind(context);
  }
}

@Injectable()
class OptionsFactory {
  createSessionOptions(): SessionModuleOptions {
    return { secret };
  }
}

const ways: [string, () => ReturnType<typeof SessionModule.forRoot>][] = [
  ['forRoot', () => SessionModule.forRoot({ secret, store: new OpenStore() })],
  ['forRoot with sealed cookies', () => SessionModule.forRoot({ secret, store: new SealedCookie() })],
  ['forRootAsync with a factory', () => SessionModule.forRootAsync({ useFactory: () => ({ secret }) })],
  [
    'forRootAsync with a factory that waits',
    () => SessionModule.forRootAsync({ useFactory: async () => Promise.resolve({ secret }) }),
  ],
  ['forRootAsync with a class', () => SessionModule.forRootAsync({ useClass: OptionsFactory })],
];

function jsonOf(value: unknown): string {
  const seen = new WeakSet<object>();
  const once = (_: string, one: unknown) => {
    if (typeof one !== 'object' || one === null) return one;
    if (seen.has(one)) return undefined;
    seen.add(one);
    return one;
  };
  try {
    return JSON.stringify(value, once) ?? '';
  } catch {
    return '';
  }
}

describe('the secret', () => {
  it.each(ways)('shows in nothing that the container holds: %s', async (_, imported) => {
    const module = await Test.createTestingModule({ imports: [imported()] }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    expect(app.get(SessionService)).toBeDefined();
    const texts = [inspect(app, { depth: 6 })];
    for (const [, one] of app.get(ModulesContainer)) {
      texts.push(inspect(one.metatype, { depth: 4, showHidden: true }));
      for (const { instance, name } of [...one.providers.values()] as {
        instance: unknown;
        name: unknown;
      }[]) {
        if (instance === one || name === ModulesContainer.name) continue;
        texts.push(inspect(instance, { depth: 5, showHidden: true }), jsonOf(instance));
      }
    }
    for (const text of texts)
      for (const one of [...secret, ...cookieKeys(secret)]) expect(text.includes(one)).toBe(false);
    await app.close();
  });

  it('is asked for under its name where it is missing, as ever', async () => {
    for (const options of [undefined, {}, { secret: undefined }]) {
      const compiled = Test.createTestingModule({
        imports: [SessionModule.forRoot(options as never)],
      }).compile();
      await expect(compiled).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
        message: expect.stringContaining('secret: it is missing') as string,
      });
    }
  });
});

describe('the error of a driver', () => {
  const VALUE = 'a value of a session';

  it('removes the command of ioredis, and keeps the description', () => {
    const error = Object.assign(new Error('OOM command not allowed'), {
      name: 'ReplyError',
      code: 'OOM',
      command: { name: 'evalsha', args: ['prefix:x', VALUE] },
      previousErrors: [VALUE],
    });
    const clean = withoutValues(error);
    expect(inspect(clean, { depth: 9, showHidden: true })).not.toContain(VALUE);
    expect(clean).toMatchObject({ name: 'ReplyError', message: 'OOM command not allowed', code: 'OOM' });
    expect(clean.stack).toContain('secrecy.spec');
  });

  it('loses arguments that Redis puts into its message, there and in the stack', () => {
    const error = new Error(`ERR unknown command 'EVALSHA', with args beginning with: 'x' '${VALUE}' `);
    expect(inspect(withoutValues(error))).not.toContain(VALUE);
    expect(withoutValues(error).message).toBe("ERR unknown command 'EVALSHA'");
  });

  it('loses the row and the parameters of PostgreSQL', () => {
    const error = Object.assign(new Error('new row violates check constraint "c"'), {
      code: '23514',
      detail: `Failing row contains (${VALUE}).`,
      where: `unnamed portal parameter $2 = '${VALUE}'`,
      parameters: [VALUE],
      constraint: 'c',
    });
    const clean = withoutValues(error);
    expect(inspect(clean, { showHidden: true })).not.toContain(VALUE);
    expect(clean).toMatchObject({ code: '23514', constraint: 'c' });
  });

  it('is the same for causes, for several in one, and for what is no error', () => {
    const inner = Object.assign(new Error('inner'), { command: VALUE, errno: -111, syscall: 'connect' });
    const clean = withoutValues(new AggregateError([inner], 'all', { cause: inner }));
    expect(inspect(clean, { depth: 9 })).not.toContain(VALUE);
    expect((clean as AggregateError).errors).toMatchObject([{ message: 'inner', syscall: 'connect' }]);
    expect(clean.cause).toMatchObject({ message: 'inner', errno: -111 });
    expect(inspect(withoutValues(VALUE))).not.toContain(VALUE);
  });

  it('describes invalid JSON without quoting it', () => {
    let told: unknown;
    try {
      JSON.parse(`{${VALUE}`);
    } catch (error) {
      told = withoutValues(error);
    }
    expect(inspect(told)).not.toContain(VALUE);
  });
});

describe.each(platforms)('the address of a client on %s', (platform) => {
  it('is cut where a proxy lets anything through', async () => {
    const { url, app } = await start(platform, { controllers: [AppController], trustProxy: true });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' }, { headers: { 'x-forwarded-for': '9'.repeat(4000) } });
    const [info] = await app.get(SessionService).list('alice');
    expect(info!.device.ip?.length ?? 0).toBeLessThanOrEqual(64);
  });
});
