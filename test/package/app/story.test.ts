import { tellStory } from './story.js';

test.each(['express', 'fastify'] as const)('login and logout on %s', async (platform) => {
  await tellStory(platform);
});
