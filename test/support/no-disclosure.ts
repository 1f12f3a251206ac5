import { disclosure } from './disclosure.js';

// For every spec: no session cookie that its clients have seen is in a log, an event or an error.
afterEach(check);
afterAll(check);

function check(): void {
  const found = disclosure.take();
  if (found.length > 0) throw new Error(`A session cookie, or a part of it, is in\n${found.join('\n')}`);
}
