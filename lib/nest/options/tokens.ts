// Symbol.for, so that an application that holds two copies of this module (one imported, one required)
// still has one set of providers.

/** Nest's errors show the description of a token that it does not find. */
const REMEDY = 'import SessionModule.forRoot() in the root module';

/** The options of `forRoot()`, or what the factory of `forRootAsync()` returns: a test that overrides it does not run the factory. */
export const SESSION_OPTIONS = Symbol.for('nest-sessions/options');
/** The option `store`, or the `MemoryStore` in its place: what a test overrides to keep the other options. */
export const SESSION_STORE = Symbol.for('nest-sessions/store');
/** The option `clock`, or the clock of this machine: what a test overrides to keep the other options. */
export const SESSION_CLOCK = Symbol.for('nest-sessions/clock');
/** The injection token of the options with defaults and checks applied: what a guard that extends ours injects. */
export const SESSION_SETTINGS = Symbol.for(`nest-sessions/settings (${REMEDY})`);
export const SESSION_ENGINE = Symbol.for(`nest-sessions/engine (${REMEDY})`);
