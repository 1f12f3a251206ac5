import { MemoryStore } from 'nest-sessions';
import { itHolds } from './holds.js';
import { StoreWorld } from './store-world.js';

describe('the model over memory', () => {
  itHolds({ count: 20_000 }, () => [new StoreWorld(new MemoryStore({ maxCount: 1_000 }))]);
});
