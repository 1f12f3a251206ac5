import type { Random } from './random.js';

/** Longer inputs cost time and reach nothing new. Effort over long ones is measured apart. */
const LONGEST = 4_096;

/** Values at which programs are often wrong. */
const NUMBERS = ['0', '-1', '1', '01', '1e400', '-0', '0.5', '9007199254740992', '4294967296', 'NaN', ''];

const CHARACTERS = [
  ...'\0\t\n\r "%&\'()*+,-./0129:;<=>?@AZ[\\]^_`az{|}~',
  ...['\x7f', '\x80', '\xa0', '\xff', '\u2013', '\u2028', '\ud800', '\udc00', '\ufeff', '\uffff'],
];

/** Makes new inputs of those that reached something. */
export class Mutator {
  readonly #random: Random;
  readonly #words: readonly string[];

  constructor(random: Random, words: readonly string[]) {
    this.#random = random;
    this.#words = words.length > 0 ? words : NUMBERS;
  }

  /** @param other another input, of which parts are taken */
  mutate(input: string, other: string): string {
    let text = input;
    // Mostly one change, seldom many.
    for (let rounds = 1 + this.#random.below(1 << this.#random.below(4)); rounds > 0; rounds--)
      text = this.#changed(text, other);
    return text.slice(0, LONGEST);
  }

  #changed(text: string, other: string): string {
    const [from, to] = this.#range(text);
    const [head, part, tail] = [text.slice(0, from), text.slice(from, to), text.slice(to)];
    const random = this.#random;
    switch (random.below(13)) {
      case 0:
        return head + tail;
      case 1:
        return head + part + part + tail;
      case 2:
        return head + part.repeat(1 + random.below(20)) + tail;
      case 3:
        return head + random.pick(CHARACTERS) + part + tail;
      case 4:
        return (
          head + String.fromCharCode(random.below(random.once(4) ? 0x10000 : 0x100)) + part.slice(1) + tail
        );
      case 5:
        return head + this.#flipped(part) + tail;
      case 6:
        return head + random.pick(this.#words) + part + tail;
      case 7:
        return head + random.pick(this.#words) + tail;
      case 8:
        return head + random.pick(NUMBERS) + tail;
      case 9:
        return head + other.slice(...this.#range(other)) + tail;
      case 10:
        return text.slice(0, from) + other.slice(random.below(other.length + 1));
      case 11:
        return head + encodeOne(part) + tail;
      default:
        return this.#swapped(text);
    }
  }

  /** Short ones more often than long ones. */
  #range(text: string): [from: number, to: number] {
    const from = this.#random.below(text.length + 1);
    const most = 1 << this.#random.below(9);
    return [from, Math.min(text.length, from + this.#random.below(most + 1))];
  }

  #flipped(part: string): string {
    if (part === '') return part;
    const at = this.#random.below(part.length);
    return (
      part.slice(0, at) +
      String.fromCharCode(part.charCodeAt(at) ^ (1 << this.#random.below(8))) +
      part.slice(at + 1)
    );
  }

  /** Two lines, fields or parts change places. */
  #swapped(text: string): string {
    const separator = this.#random.pick(['\n', ';', '|', '.', ',', '=']);
    const parts = text.split(separator);
    const [a, b] = [this.#random.below(parts.length), this.#random.below(parts.length)];
    return parts.with(a, parts[b]!).with(b, parts[a]!).join(separator);
  }
}

const encodeOne = (part: string): string =>
  part === '' ? part : `%${(part.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}${part.slice(1)}`;
