/** A value that shows up neither in `util.inspect` nor in JSON of what holds it. */
export class Concealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }
}
