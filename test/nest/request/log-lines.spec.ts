import { z } from 'zod';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { rawRequest } from '../../support/raw-request.js';

afterEach(closeAll);

const FORGED = '[Nest] 1 - LOG admin logged in';
const linesOf = (sink: LogSink): string[] => sink.text.split(/[\n\r\u0085\u2028\u2029]/);

describe.each(platforms)('what a client sends, in the log of %s', (platform) => {
  it('a key of the data that does not fit the schema begins no line', async () => {
    const sink = new LogSink();
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { data: z.object({ theme: z.string().optional() }).strict() },
      prepare: sink.attach,
    });
    const { status } = await new Browser(url).post('/data', { [`x\n${FORGED}`]: 1 });
    expect(status).toBe(500);
    expect(linesOf(sink).filter((line) => line.startsWith(FORGED))).toEqual([]);
  });

  it('many keys that do not fit are not all named', async () => {
    const sink = new LogSink();
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { data: z.object({ theme: z.string().optional() }).strict() },
      prepare: sink.attach,
    });
    const keys = Array.from({ length: 500 }, (_, i) => [`key${i}${'x'.repeat(100)}`, 1]);
    await new Browser(url).post('/data', Object.fromEntries(keys));
    expect(sink.text).toContain('"key0');
    expect(sink.text).toContain('and 490 more');
    expect(sink.text).not.toContain('key10x');
  });

  it('a key whose value is nested too deeply begins no line', async () => {
    const sink = new LogSink();
    const { url } = await start(platform, { controllers: [AppController], prepare: sink.attach });
    const deep = '['.repeat(45_000) + ']'.repeat(45_000);
    const body = `{${JSON.stringify(`x\n${FORGED}`)}:${deep}}`;
    const { hostname, port } = new URL(url);
    const answer = await rawRequest(
      url,
      `POST /data HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 500/);
    expect(linesOf(sink).filter((line) => line.startsWith(FORGED))).toEqual([]);
  });

  it('a Host header has neither control characters nor any length, where the cookie is not sent', async () => {
    const sink = new LogSink();
    const { url } = await start(platform, { controllers: [AppController], prepare: sink.attach });
    const body = '{"a":1}';
    const host = `\x9b31m${'h'.repeat(8_000)}`;
    await rawRequest(
      url,
      `POST /data HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(sink.text).toContain('The session cookie was not sent');
    expect(sink.text).not.toMatch(/[\u0080-\u009f]/);
    expect(sink.text.length).toBeLessThan(4_000);
  });
});
