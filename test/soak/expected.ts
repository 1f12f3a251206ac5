/** A write whose outcome the client does not know: it may have been carried out, or may be yet. */
interface Doubtful {
  value: number;
  at: number;
}

interface Value {
  acknowledged: number | undefined;
  doubtful: Doubtful[];
}

/** What a session may hold by the responses that its client got. */
export class Expected {
  #values = new Map<string, Value>();
  #count = { acknowledged: 0, doubtful: 0, seen: 0 };

  /** Of a write that began once everything before it was `settled`, nothing older can come after. */
  written(key: string, value: number, settled: (since: number) => boolean): void {
    const doubtful = this.#of(key).doubtful.filter(({ at }) => !settled(at));
    this.#values.set(key, { acknowledged: value, doubtful });
  }

  perhapsWritten(key: string, value: number): void {
    this.#of(key).doubtful.push({ value, at: performance.now() });
  }

  counted(): void {
    this.#count.acknowledged++;
  }

  perhapsCounted(): void {
    this.#count.doubtful++;
  }

  /** The data is gone, and with it every write that was under way. */
  cleared(): void {
    this.#values = new Map();
    this.#count = { acknowledged: 0, doubtful: 0, seen: 0 };
  }

  /** What is wrong with this data, if anything. */
  wrong(data: Record<string, unknown>): string | undefined {
    for (const [key, { acknowledged, doubtful }] of this.#values) {
      const value = data[key];
      if (value !== acknowledged && !doubtful.some((one) => one.value === value))
        return `${key} is ${String(value)}; acknowledged was ${String(acknowledged)}, and doubtful ${JSON.stringify(doubtful)}`;
    }
    return this.wrongCount(data['count'] ?? 0);
  }

  wrongCount(count: unknown): string | undefined {
    const { acknowledged, doubtful, seen } = this.#count;
    const least = Math.max(acknowledged, seen);
    if (typeof count !== 'number' || count < least || count > acknowledged + doubtful)
      return `the count is ${String(count)}, not ${least} to ${acknowledged + doubtful}`;
    this.#count.seen = count;
    return undefined;
  }

  #of(key: string): Value {
    const value = this.#values.get(key) ?? { acknowledged: undefined, doubtful: [] };
    this.#values.set(key, value);
    return value;
  }
}
