import { Violation } from './target.js';

const PROTOTYPES: readonly object[] = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  String.prototype,
  Number.prototype,
  Map.prototype,
];

const ORIGINAL = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** That no input has left a property on a prototype that all objects share. */
export function assertUnpolluted(): void {
  for (const [i, prototype] of PROTOTYPES.entries()) {
    const keys = Reflect.ownKeys(prototype);
    if (keys.length === ORIGINAL[i]) continue;
    const added = keys.slice(ORIGINAL[i]);
    for (const key of added) Reflect.deleteProperty(prototype, key);
    throw new Violation(`a prototype was polluted: ${added.map(String).join(', ')}`);
  }
}
