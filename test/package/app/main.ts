import { tellStory } from './story.js';

void tellStory('express').then(() => tellStory('fastify'));
