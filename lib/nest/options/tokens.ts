// Symbol.for, so that an application that holds two copies of this module (one imported, one required)
// still has one set of providers.
export const SESSION_OPTIONS = Symbol.for('nest-sessions/options');
export const SESSION_SETTINGS = Symbol.for('nest-sessions/settings');
export const SESSION_ENGINE = Symbol.for('nest-sessions/engine');
