import { platforms } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { specifyOurs } from './run.js';
import { postgres } from './targets/keepers.js';
import { OurTarget } from './targets/ours.js';

describePostgres('the conformance suite over PostgreSQL', (server) => {
  for (const [platform] of platforms) specifyOurs(new OurTarget(platform, postgres(server)));
});
