import { Logger } from '@nestjs/common';
import { reportInitiators } from '../../../lib/nest/device/refusal-report.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { startBound } from './device.app.js';

let sink: LogSink;
beforeEach(() => Logger.overrideLogger((sink = new LogSink())));
afterEach(closeAll);
afterAll(() => Logger.overrideLogger(true));

const said = (level: string): string[] => sink.lines.filter((line) => line.startsWith(`${level}: `));

describe.each(platforms)('what is logged of device-bound sessions on %s', (platform) => {
  it('says once a minute that a bound session came without its bound cookie', async () => {
    const { browser, clock } = await startBound(platform, {}, { prepare: sink.attach });
    await browser.bind();
    clock.advance('11m');
    for (let i = 0; i < 3; i++) expect((await browser.get('/me')).status).toBe(401);
    expect(said('debug').filter((line) => line.includes('without a valid bound cookie'))).toHaveLength(1);
    expect(said('warn').filter((line) => line.includes('bound'))).toEqual([]);
  });

  it('warns of a session that is not bound where every one has to be', async () => {
    const { browser, clock } = await startBound(
      platform,
      { deviceBound: { require: 'always' } },
      { prepare: sink.attach },
    );
    await browser.login();
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(403);
    expect(said('warn').join()).toMatch(/not bound to a device was refused, .*ERR_DEVICE_REQUIRED \(403\)/);
    expect(said('debug').join()).not.toContain('without a valid bound cookie');
  });
});

describe.each(platforms)('a route at the path of devices on %s', (platform) => {
  const warned = (): string[] =>
    said('warn').filter((line) => line.includes('is a route of this application'));

  it('is warned of at boot: its requests do not reach it', async () => {
    const { url } = await startBound(platform, { deviceBound: { path: '/login' } }, { prepare: sink.attach });
    expect(warned()).toEqual([expect.stringContaining('deviceBound: POST /login is a route')]);
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(403);
  });

  it('is none where the path is free, or only another method has it', async () => {
    await startBound(platform, { deviceBound: { path: '/me' } }, { prepare: sink.attach });
    expect(warned()).toEqual([]);
  });
});

describe('origins whose pages cannot have the bound cookie renewed', () => {
  it.each<[string[], string[], number]>([
    [['https://app.example.com'], [], 1],
    [['https://app.example.com', 'https://www.example.com'], ['www.example.com'], 1],
    [['https://app.example.com:8443'], ['app.example.com'], 0],
    [[], [], 0],
  ])('%j with the initiators %j: %i warnings', (allow, initiators, count) => {
    reportInitiators(allow, initiators);
    const lines = said('warn').filter((line) => line.includes('deviceBound.scope.initiators'));
    expect(lines).toHaveLength(count);
    if (count > 0) expect(lines[0]).toContain('crossOrigin.allow names https://app.example.com.');
  });
});
