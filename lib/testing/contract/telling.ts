import type { SessionEvent } from '../../core/events/events.js';
import { newId } from '../../core/token/ids.js';
import type { SessionStore } from '../../core/storage/store.js';
import type { TestRunner } from './runner.js';
import { aContext, aSubject, TEST_TIMEOUT, type StoreUnderTest } from './store-under-test.js';

/** Creates a store of the engine under test. */
export type MakeStore = () => SessionStore | Promise<SessionStore>;

/** Nodes publish which sessions ended. Needs two stores of the same engine. */
export function tellingSpecs(
  { describe, it, skip }: TestRunner,
  store: StoreUnderTest,
  secondNode: MakeStore | false | undefined,
): void {
  const anEnding = (): SessionEvent => ({
    type: 'ended',
    id: newId(),
    at: Date.now(),
    reason: 'revoked',
    subject: `${aSubject()} 'Ünï' 🗝`,
  });

  /** Runs a test with a second node and closes that node afterwards. */
  const withNode = async (make: MakeStore, run: (node: SessionStore) => Promise<void>): Promise<void> => {
    const node = await make();
    node.bind?.(aContext());
    try {
      await run(node);
    } finally {
      await node.close?.();
    }
  };

  /** Publishes until the event is received: events published before the subscription is active are lost. */
  const tell = (from: SessionStore, event: SessionEvent, heard: SessionEvent[]): Promise<void> =>
    store.until(async () => {
      from.publish!(event);
      return isIn(heard, event);
    }, 'another node hears of an ending');

  /** Subscribes on a node; returns the received events and a function that unsubscribes. */
  const listen = (node: SessionStore): { heard: SessionEvent[]; stop: () => void } => {
    const heard: SessionEvent[] = [];
    const stop = node.subscribe!((event) => heard.push(event));
    return { heard, stop };
  };

  describe('telling', () => {
    if (!secondNode) {
      const title = 'tells the other nodes which sessions ended';
      if (secondNode === undefined)
        skip(`${title}: skipped, the option "secondNode" is missing`, async () => undefined);
      else
        it('neither publishes nor subscribes', async () => {
          expect([store.raw.publish, store.raw.subscribe]).toEqual([undefined, undefined]);
        });
      return;
    }

    it('does not throw at publish, whether anybody listens or not', async () => {
      const { subject: _, ...anonymous } = anEnding();
      for (const event of [anEnding(), anonymous as SessionEvent]) {
        expect(() => store.raw.publish!(event)).not.toThrow();
      }
      await withNode(secondNode, async (node) => {
        await node.close?.();
        expect(() => node.publish!(anEnding())).not.toThrow();
      });
    });

    it('returns from subscribe how to stop', async () => {
      const stop = store.raw.subscribe!(() => undefined);
      expect(stop).toBeInstanceOf(Function);
      expect(() => stop()).not.toThrow();
    });

    it(
      'lets another node hear what it publishes, every field of it',
      () =>
        withNode(secondNode, async (node) => {
          const event = anEnding();
          const { heard, stop } = listen(node);
          await tell(store.raw, event, heard);
          expect(heard.find(({ id }) => id === event.id)).toEqual(event);
          stop();
        }),
      TEST_TIMEOUT,
    );

    it(
      'does not hear itself',
      () =>
        withNode(secondNode, async (node) => {
          const [here, there] = [listen(store.raw), listen(node)];
          const [own, foreign] = [anEnding(), anEnding()];
          // Once this event is received, the connection receives all later ones as well.
          await tell(node, foreign, here.heard);
          await tell(store.raw, own, there.heard);
          const last = anEnding();
          await tell(node, last, here.heard);
          expect(isIn(here.heard, own)).toBe(false);
          here.stop();
          there.stop();
        }),
      TEST_TIMEOUT,
    );

    it(
      'hears nothing any more once it stopped',
      () =>
        withNode(secondNode, (node) =>
          withNode(secondNode, async (other) => {
            const [stopped, control] = [listen(node), listen(other)];
            await tell(store.raw, anEnding(), stopped.heard);
            await tell(store.raw, anEnding(), control.heard);
            stopped.stop();
            const late = anEnding();
            await tell(store.raw, late, control.heard);
            expect(isIn(stopped.heard, late)).toBe(false);
            control.stop();
          }),
        ),
      TEST_TIMEOUT,
    );
  });
}

/** Compares ids, because other tests may publish events over the same server. */
const isIn = (heard: SessionEvent[], event: SessionEvent): boolean => heard.some(({ id }) => id === event.id);
