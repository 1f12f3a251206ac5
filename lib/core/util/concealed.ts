/** Holds a value that appears neither in `util.inspect` nor in JSON of an object that contains it. */
export class Concealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }
}
