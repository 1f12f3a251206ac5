import { Violation } from './target.js';

const PROTOTYPES: readonly object[] = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  String.prototype,
  Number.prototype,
  Map.prototype,
];

const ORIGINAL = PROTOTYPES.map((prototype) => new Set(Reflect.ownKeys(prototype)));

/** That no input has left a property on a prototype that all objects share. */
export function assertUnpolluted(): void {
  for (const [i, prototype] of PROTOTYPES.entries()) {
    const keys = Reflect.ownKeys(prototype);
    const original = ORIGINAL[i]!;
    if (keys.length === original.size) continue;
    // A key that is a number comes before all others.
    const added = keys.filter((key) => !original.has(key));
    for (const key of added) Reflect.deleteProperty(prototype, key);
    throw new Violation(`a prototype was polluted: ${added.map(String).join(', ')}`);
  }
}
