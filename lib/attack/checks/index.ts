import type { Check } from './check.js';
import { cachingChecks } from './caching.js';
import { concurrencyChecks } from './concurrency.js';
import { cookieChecks } from './cookie.js';
import { crossSiteChecks } from './cross-site.js';
import { isolationChecks } from './isolation.js';
import { loginChecks } from './login.js';
import { logoutChecks } from './logout.js';
import { tokenChecks } from './token.js';
import { transportChecks } from './transport.js';

/** All checks, in the order in which they run. */
export const CHECKS: readonly Check[] = [
  ...loginChecks,
  ...logoutChecks,
  ...crossSiteChecks,
  ...concurrencyChecks,
  ...cookieChecks,
  ...tokenChecks,
  ...transportChecks,
  ...cachingChecks,
  ...isolationChecks,
];
