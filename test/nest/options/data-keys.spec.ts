import { IsArray, IsOptional, IsString } from 'class-validator';
import type { SessionModuleOptions } from 'nest-sessions';
import { fakeSession, fakeSessionService } from 'nest-sessions/testing';
import { z } from 'zod';

class Shape {
  @IsOptional() @IsArray() cart?: string[];
  @IsOptional() @IsString() theme?: string;
}

const keys = { cart: z.array(z.string()).optional(), theme: z.string().optional() };

const KNOWN: Record<string, SessionModuleOptions['data']> = {
  'a class': Shape,
  'an object schema': z.object(keys),
  'a strict object schema': z.strictObject(keys),
};

const OPEN: Record<string, SessionModuleOptions['data']> = {
  'no schema': undefined,
  'a loose object schema': z.looseObject(keys),
  'a schema with a catchall': z.object(keys).catchall(z.array(z.string())),
  'a record': z.record(z.string(), z.unknown()),
  'a transformed schema': z.object(keys).transform((data) => data),
};

async function sessionsOf(data: SessionModuleOptions['data']) {
  const session = await fakeSession<Record<string, unknown>>({}, { data });
  session.data['cart'] = ['tea'];
  return { session, sessions: fakeSessionService(session) };
}

describe('a key to keep that the data cannot have', () => {
  it.each(Object.entries(KNOWN))('is refused with the nearest one: %s', async (_, data) => {
    const { session, sessions } = await sessionsOf(data);
    const refused = (call: string) => ({
      code: 'ERR_OPTIONS',
      message: `${call}: keep: the option "data" has no key "crat". Did you mean "cart"? Its keys: cart, theme.`,
    });
    await expect(sessions.login('bob', { keep: ['crat'] })).rejects.toMatchObject(refused('login()'));
    await expect(sessions.regenerate({ keep: ['cart', 'crat'] })).rejects.toMatchObject(
      refused('regenerate()'),
    );
    expect(session).toMatchObject({ loggedIn: false, data: { cart: ['tea'] } });
  });

  it.each(Object.entries(KNOWN))('does not prevent those that it can have: %s', async (_, data) => {
    const { session, sessions } = await sessionsOf(data);
    await sessions.login('bob', { keep: ['cart', 'theme'] });
    expect(session.data).toEqual({ cart: ['tea'] });
  });

  it.each(Object.entries(OPEN))('is not known, and passes: %s', async (_, data) => {
    const { session, sessions } = await sessionsOf(data);
    await sessions.login('bob', { keep: ['cart', 'other'] });
    expect(session.data).toEqual({ cart: ['tea'] });
  });
});
