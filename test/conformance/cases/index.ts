import type { Case } from '../case.js';
import { caching } from './caching.js';
import { concurrency } from './concurrency.js';
import { cookies } from './cookies.js';
import { crossSite } from './cross-site.js';
import { ending } from './ending.js';
import { errors } from './errors.js';
import { incidents } from './incidents.js';
import { neighbours } from './process.js';
import { relogin } from './relogin.js';
import { sealed } from './sealed.js';
import { theft } from './theft.js';
import { timeouts } from './timeouts.js';
import { tokens } from './tokens.js';

/** The chapters of the requirements, by the file of their cases. */
export const chapters: readonly [name: string, file: string, cases: readonly Case[]][] = [
  ['Tokens', 'tokens', tokens],
  ['Cookies', 'cookies', cookies],
  ['Timeouts', 'timeouts', timeouts],
  ['Re-login window', 'relogin', relogin],
  ['Ending', 'ending', ending],
  ['Concurrency', 'concurrency', concurrency],
  ['Replay and theft', 'theft', theft],
  ['Sealed cookies', 'sealed', sealed],
  ['Cross-site requests', 'cross-site', crossSite],
  ['Caching', 'caching', caching],
  ['Errors and logging', 'errors', errors],
  ['The process and its neighbours', 'process', neighbours],
  ['Lessons of incidents', 'incidents', incidents],
];

export const cases: readonly Case[] = chapters.flatMap(([, , some]) => some);
