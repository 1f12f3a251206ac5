import type { INestApplication, Type } from '@nestjs/common';
import { sessionAgent } from 'nest-sessions/testing';
import { load } from '../docs/examples.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';

afterEach(closeAll);

interface Recipe {
  AuthModule: Type;
  usePassport(app: INestApplication): void;
}

describe.each(platforms)('docs/passport.md (%s)', (platform) => {
  it('the recipe logs in and out', async () => {
    const { AuthModule, usePassport } = await load<Recipe>('docs/passport.md', 'The recipe');
    const { app } = await start(platform, { imports: [AuthModule], prepare: usePassport });
    const agent = sessionAgent(app);
    expect((await agent.post('/auth/login', { username: 'alice', password: 'wrong' })).status).toBe(401);
    expect((await agent.get('/auth/me')).status).toBe(403);
    await agent.post('/auth/login', { username: 'alice', password: 'correct horse' });
    const thief = agent.copy();
    expect((await agent.get('/auth/me')).status).toBe(200);
    expect((await agent.post('/auth/logout')).status).toBe(201);
    expect((await agent.get('/auth/me')).status).toBe(403);
    expect((await thief.get('/auth/me')).status).toBe(403);
  });

  it('@CurrentUser() is what the option loads', async () => {
    const heading = 'Without serializers: `@CurrentUser()`';
    const { ProfileController, UsersService } = await load<{
      ProfileController: Type;
      UsersService: Type<{ findById(id: string): unknown }>;
    }>('docs/passport.md', heading, { secret: SECRET });
    const users = new UsersService();
    const { app } = await start(platform, {
      options: { user: (subject) => users.findById(subject) },
      controllers: [ProfileController],
    });
    expect((await sessionAgent(app).get('/profile')).status).toBe(401);
  });
});
