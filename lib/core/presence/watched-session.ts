import type { RequestState } from '../request/request-state.js';
import type { ClosingReason } from '../storage/backend.js';
import { after } from '../util/clock.js';
import { Member, type Attached, type Closed, type Watching } from './attached.js';
import type { Queue } from './queue.js';

/**
 * One session with what is attached to it. It is looked at when its time may be over, and at the latest `every` after the last
 * look.
 */
export class WatchedSession {
  readonly #watching: Watching;
  readonly #queue: Queue;
  readonly #empty: () => void;
  readonly #members = new Set<Member>();
  #lookedAt: number;
  #armedAt = 0;
  /** How often a re-login has outdated what was loaded. */
  #renewals = 0;
  #cancel: (() => void) | undefined;

  /** @param empty called when nothing is attached any more */
  constructor(watching: Watching, queue: Queue, empty: () => void) {
    this.#watching = watching;
    this.#queue = queue;
    this.#empty = empty;
    this.#lookedAt = watching.clock.now();
  }

  get size(): number {
    return this.#members.size;
  }

  get subject(): string | undefined {
    const [member] = this.#members;
    return member?.state.handle?.record.subject;
  }

  /** Looks at it now. */
  look(): void {
    this.#queue.add(() => this.#lookAgain());
  }

  add(state: RequestState, close: Closed): Attached {
    const now = this.#watching.clock.now();
    const member = new Member(state, close, now);
    this.#members.add(member);
    // Sockets that come together, as after a restart, are not looked at together for ever.
    if (this.#members.size === 1)
      this.#arm(Math.min(this.#watching.every * (0.5 + Math.random() / 2), this.#untilExpiry));
    else if (this.#watching.apart) this.#arm(Math.min(this.#untilDue(this.#lookedAt), this.#untilExpiry));
    const attached: Attached = {
      get over() {
        return member.over;
      },
      beforeLook: undefined,
      refresh: () => (this.#isFresh(member) ? Promise.resolve() : this.#load(member)),
      reload: () => this.#load(member),
      detach: () => this.#remove(member),
    };
    member.beforeLook = () => attached.beforeLook?.();
    return attached;
  }

  /** Closes all that is attached. */
  end(reason: ClosingReason | undefined): void {
    const members = [...this.#members];
    this.#members.clear();
    this.stop();
    for (const member of members) member.close(reason);
  }

  /** The next message loads the session, however young its state is. */
  outdate(): void {
    this.#renewals++;
    for (const member of this.#members) member.loadedAt = -Infinity;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#members.clear();
    this.#empty();
  }

  #remove(member: Member): void {
    if (this.#members.delete(member) && this.#members.size === 0) this.stop();
  }

  #isFresh(member: Member): boolean {
    return this.#untilDue(member.loadedAt) > 0;
  }

  /** Milliseconds until the next look. A clock that was set back makes nothing younger. */
  #untilDue(lookedAt: number): number {
    const age = this.#watching.clock.now() - lookedAt;
    return age < 0 ? 0 : this.#watching.every - age;
  }

  #load(member: Member): Promise<void> {
    return (member.loading ??= this.#look(member).finally(() => (member.loading = undefined)));
  }

  async #look(member: Member): Promise<void> {
    if (member.over) return;
    const now = this.#watching.clock.now();
    const renewals = this.#renewals;
    const look = await this.#watching.look(member.state);
    if (member.over) return;
    if (renewals === this.#renewals) member.loadedAt = now;
    this.#lookedAt = now;
    if (!look.over) {
      if (look.renewed) this.#othersToo(member);
      return;
    }
    // A client that has to come again concerns no other one.
    if (look.reason === 'renewed') {
      this.#remove(member);
      member.close(look.reason);
      this.#othersToo(member);
    } else this.end(look.reason);
  }

  /** After a re-login each of them has to be looked at: not all are of the client that logged in again. */
  #othersToo(member: Member): void {
    for (const other of this.#members)
      if (other !== member && !other.renewing) {
        other.renewing = true;
        this.#queue.add(async () => {
          await this.#load(other).catch(ignore);
          other.renewing = false;
        });
      }
  }

  /** @param delay milliseconds until the next look */
  #arm(delay: number): void {
    this.#cancel?.();
    this.#armedAt = this.#watching.clock.now();
    this.#cancel = after(this.#watching.clock, delay, () => this.#due());
  }

  /**
   * In milliseconds from now. Each member has the record of its last look: the latest expiry that is known counts, or the
   * earliest one if each has its own.
   */
  get #untilExpiry(): number {
    let found: number | undefined;
    const { apart } = this.#watching;
    for (const { state } of this.#members) {
      if (!state.handle) continue;
      const rest = this.#watching.expiryOf(state) - state.now();
      found = found === undefined ? rest : apart ? Math.min(found, rest) : Math.max(found, rest);
    }
    return Math.max(found ?? 0, 0);
  }

  #due(): void {
    const rest = this.#untilDue(this.#lookedAt);
    const time = this.#untilExpiry;
    // A message has looked meanwhile.
    if (this.#lookedAt > this.#armedAt && rest > 0 && time > 0) this.#arm(Math.min(rest, time));
    else this.look();
  }

  /** An outage closes nothing: messages are refused meanwhile, and the next look tells. */
  async #lookAgain(): Promise<void> {
    await this.#settled();
    const members = this.#watching.apart ? [...this.#members] : [...this.#members].slice(0, 1);
    const looks = await Promise.allSettled(members.map((member) => this.#load(member)));
    if (this.#members.size === 0) return;
    const { every } = this.#watching;
    const failed = looks.some(({ status }) => status === 'rejected');
    this.#arm(failed ? every : Math.max(Math.min(every, this.#untilExpiry), LEAST));
  }

  /** Activity that is not written yet counts before the time of the session is over. */
  async #settled(): Promise<void> {
    const writes = [...this.#members].map(async (member) => member.beforeLook?.());
    await Promise.allSettled(writes);
  }
}

/** Milliseconds between two looks at a session whose time seems to be over to this node, but not to the store. */
const LEAST = 50;

const ignore = (): void => undefined;
