import { platforms } from '../support/platforms.js';
import { specifyOurs } from './run.js';
import { memory } from './targets/keepers.js';
import { OurTarget } from './targets/ours.js';

for (const [platform] of platforms) specifyOurs(new OurTarget(platform, memory));
