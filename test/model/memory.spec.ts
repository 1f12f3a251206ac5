import { MemoryStore } from 'nest-sessions';
import { itHolds } from './holds.js';

describe('the model over memory', () => {
  itHolds(20_000, () => new MemoryStore({ maxCount: 1_000 }));
});
