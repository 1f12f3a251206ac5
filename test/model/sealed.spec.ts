import { itHolds } from './holds.js';
import { SealedWorld } from './sealed-world.js';

describe('the model over sealed cookies', () => {
  itHolds({ count: 20_000 }, () => [new SealedWorld()]);
});
