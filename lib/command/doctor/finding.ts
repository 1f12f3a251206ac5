import type { StoreFinding } from '../../core/storage/store.js';

/** What a finding is about. */
export type About = 'application' | 'secret' | 'cookie' | 'options' | 'store' | 'site';

/** One line of the result. */
export interface Finding extends StoreFinding {
  about: About;
}

/** Makes findings about one thing. */
export const findings = (about: About) => ({
  ok: (finding: string): Finding => ({ about, level: 'ok', finding }),
  warning: (finding: string, remedy: string): Finding => ({ about, level: 'warning', finding, remedy }),
  problem: (finding: string, remedy?: string): Finding => ({
    ...{ about, level: 'problem', finding },
    ...(remedy !== undefined && { remedy }),
  }),
});
