import { binding } from './binding.js';
import { committing } from './committing.js';
import { destroying } from './destroying.js';
import { diagnosing } from './diagnosing.js';
import { expiring } from './expiring.js';
import { growing } from './growing.js';
import { isolating } from './isolating.js';
import { keeping } from './keeping.js';
import { limiting } from './limiting.js';
import { listing } from './listing.js';
import { racing } from './racing.js';
import { revoking } from './revoking.js';
import { rotating } from './rotating.js';
import { telling } from './telling.js';

/** Stores that are wrong, each in one way. */
export const MUTANTS = [
  ...keeping,
  ...isolating,
  ...expiring,
  ...destroying,
  ...committing,
  ...rotating,
  ...growing,
  ...binding,
  ...listing,
  ...limiting,
  ...revoking,
  ...racing,
  ...telling,
  ...diagnosing,
];
