// What `@jest/globals` is under Jest.
import { ModernFakeTimers } from '@jest/fake-timers';
import { ModuleMocker } from 'jest-mock';

const { describe, it, test, expect, beforeAll, beforeEach, afterAll, afterEach } = globalThis;
const mocker = new ModuleMocker(globalThis);
const clock = new ModernFakeTimers({ global: globalThis, config: { fakeTimers: {} } });

export const jest = {
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  useFakeTimers: (options) => clock.useFakeTimers(options),
  useRealTimers: () => clock.useRealTimers(),
  advanceTimersByTime: (ms) => clock.advanceTimersByTime(ms),
  advanceTimersByTimeAsync: (ms) => clock.advanceTimersByTimeAsync(ms),
  setSystemTime: (now) => clock.setSystemTime(now),
  // For properties that run for minutes elsewhere: here the first case that fails or hangs is enough.
  setTimeout: () => undefined,
};

export { describe, it, test, expect, beforeAll, beforeEach, afterAll, afterEach };
