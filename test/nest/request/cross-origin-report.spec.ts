import fc from 'fast-check';
import { SessionService } from 'nest-sessions';
import { CrossOriginReport, type RefusedRequest } from '../../../lib/nest/request/cross-origin-report.js';
import { AppController } from '../../support/app.js';
import { send } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

function aReport() {
  const lines: string[] = [];
  let now = 0;
  const report = new CrossOriginReport(
    (line) => lines.push(line),
    () => now,
  );
  const line = (request: RefusedRequest) => {
    now += 60_000;
    report.note(request);
    return lines.pop()!;
  };
  return { report, lines, line, advance: (by: number) => (now += by) };
}

describe('the report of cross-site requests', () => {
  it('is one line a minute, with how many there were', () => {
    const { report, lines, advance } = aReport();
    const request = { origin: 'https://evil.example', host: 'app.example.com' };
    for (let i = 0; i < 5; i++) report.note(request);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/Origin "https:\/\/evil\.example", Host "app\.example\.com"\. If a proxy/);
    advance(59_999);
    report.note(request);
    expect(lines).toHaveLength(1);
    advance(1);
    report.note({ ...request, origin: 'https://last.example' });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/Origin "https:\/\/last\.example".*one of 6 since the last warning/);
  });

  it('names what to do about each cause', () => {
    const { line } = aReport();
    const host = 'internal:8080';
    const proxy = line({ origin: 'https://app.example.com', host });
    expect(proxy).toMatch(/rewrites Host.*proxy_set_header Host.*X-Forwarded-Host.*trust proxy.*trustProxy/);
    expect(proxy).toMatch(/crossOrigin: \{ allow: .*@AllowCrossOrigin\(\)/);
    const untrusted = line({
      origin: 'https://app.example.com',
      host,
      'x-forwarded-host': 'app.example.com',
    });
    expect(untrusted).toMatch(
      /X-Forwarded-Host is "app\.example\.com", but no proxy is trusted.*trust proxy/,
    );
    const trusted = line({
      origin: 'https://evil.example',
      host: 'app.example.com',
      'x-forwarded-host': 'app.example.com',
    });
    expect(trusted).not.toContain('no proxy is trusted');
    const helmet = line({ origin: 'null', host });
    expect(helmet).toMatch(/Referrer-Policy is no-referrer.*helmet.*same-origin.*HTTPS/);
    expect(helmet).toMatch(/sandbox.*allow-same-origin/);
    const foreign = line({ origin: 'https://evil.example', host, 'sec-fetch-site': 'cross-site' });
    expect(foreign).toMatch(/Sec-Fetch-Site "cross-site"\. A browser says that another site caused it/);
    expect(foreign).not.toMatch(/proxy|helmet/);
    expect(line({ host, 'sec-fetch-site': 'same-site' })).toContain('Origin (none)');
    expect(line({ origin: 'https://evil.example', host: undefined })).toContain('Host (none)');
  });

  it('is one line of visible characters and limited length, whatever is sent', () => {
    const { line } = aReport();
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .array(fc.constantFrom('\r\n', '\u001b[31m', '\u202e', '"', '\\', '\u0085', '\u2028', 'WARN x'), {
          maxLength: 50,
        })
        .map((all) => all.join('')),
      fc.string({ minLength: 5_000, maxLength: 6_000 }),
    );
    const value = fc.option(nasty, { nil: undefined });
    fc.assert(
      fc.property(value, value, value, value, (origin, host, site, forwarded) => {
        const text = line({ origin, host, 'sec-fetch-site': site, 'x-forwarded-host': forwarded });
        expect(text).toMatch(/^[\x20-\x7e…]*$/);
        expect(text.length).toBeLessThan(1_500);
        // A quote within would let a value pretend to be another.
        expect((text.match(/"/g) ?? []).length % 2).toBe(0);
        expect(text).not.toContain('\\');
      }),
    );
  });
});

describe.each(platforms)('a request for another site, on %s', (platform) => {
  it('is told in the log, once for requests and handshakes together', async () => {
    const sink = new LogSink();
    const { url, app } = await start(platform, { controllers: [AppController], prepare: sink.attach });
    const told = () => sink.lines.filter((line) => line.includes('ERR_CROSS_ORIGIN'));
    expect((await send(`${url}/logout`, 'POST', {})).status).toBe(200);
    expect(told()).toEqual([]);
    const origin = 'https://evil.example';
    expect((await send(`${url}/data`, 'POST', { origin }, {})).status).toBe(403);
    expect(told()).toEqual([
      expect.stringMatching(/^warn: .*Origin "https:\/\/evil\.example", Host "127\.0\.0\.1:/),
    ]);
    const handshake = app.get(SessionService).open({ origin, host: 'app.example.com' });
    await expect(handshake).rejects.toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
    expect((await send(`${url}/data`, 'POST', { 'sec-fetch-site': 'cross-site' }, {})).status).toBe(403);
    expect(told()).toHaveLength(1);
  });

  it('is told in the log where a handshake is the first', async () => {
    const sink = new LogSink();
    const { app } = await start(platform, { prepare: sink.attach });
    const handshake = app
      .get(SessionService)
      .open({ origin: 'https://evil.example\r\nERROR x', host: 'app' });
    await expect(handshake).rejects.toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
    expect(sink.text).toContain('Origin "https://evil.example??ERROR x", Host "app"');
  });
});
