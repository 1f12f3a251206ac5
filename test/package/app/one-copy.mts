import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { SessionService } from 'nest-sessions';
import { Plugin } from './plugin.cjs';
import { tellStory } from './story.js';

const require = createRequire(import.meta.url);

for (const path of [
  'nest-sessions',
  'nest-sessions/testing',
  'nest-sessions/store',
  'nest-sessions/redis',
  'nest-sessions/postgres',
  'nest-sessions/sealed',
  'nest-sessions/passport',
  'nest-sessions/connect',
  'nest-sessions/migrate',
]) {
  const imported = (await import(path)) as Record<string, unknown>;
  const required = require(path) as Record<string, unknown>;
  assert.notEqual(Object.keys(imported).length, 0);
  for (const name of Object.keys(imported)) assert.equal(required[name], imported[name], `${path}: ${name}`);
}

const app = await tellStory('express', [Plugin]);
assert.equal(app.get(Plugin).sessions as unknown, app.get(SessionService));
