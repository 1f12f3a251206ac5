import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { MemoryStore, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { instrumentSessions } from 'nest-sessions/opentelemetry';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';

const spanExporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] });

let exporter: InMemoryMetricExporter;
let meterProvider: MeterProvider;
let stop: () => void = () => undefined;

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
beforeEach(() => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  spanExporter.reset();
  meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })],
  });
  stop = instrumentSessions({ meterProvider, tracerProvider });
});
afterEach(async () => {
  stop();
  await closeAll();
  await meterProvider.shutdown();
});
afterAll(() => context.disable());

/** The value of a counter by its attributes; of a histogram how many were recorded. */
async function read(name: string): Promise<Record<string, number>> {
  await meterProvider.forceFlush();
  const found = exporter
    .getMetrics()
    .at(-1)
    ?.scopeMetrics.flatMap(({ metrics }) => metrics)
    .find(({ descriptor }) => descriptor.name === name);
  const points = found?.dataPoints ?? [];
  return Object.fromEntries(
    points.map(({ attributes, value }) => [
      Object.values(attributes).join(' '),
      typeof value === 'number' ? value : (value as { count: number }).count,
    ]),
  );
}

/** As the instrumentation of `node:http` does it. */
function traceRequests(server: Server): void {
  const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean;
  server.emit = (event: string, ...args: unknown[]): boolean => {
    if (event !== 'request') return emit(event, ...args);
    const span = tracerProvider.getTracer('http').startSpan('request');
    span.end();
    return context.with(trace.setSpan(context.active(), span), () => emit(event, ...args));
  };
}

async function run(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const running = await start(platform, {
    controllers: [AppController],
    options,
    prepare: (app) => traceRequests(app.getHttpServer() as Server),
  });
  return { ...running, browser: new Browser(running.url) };
}

describe.each(platforms)('OpenTelemetry on %s', (platform) => {
  it('counts what happens to sessions, with the reason of their end', async () => {
    const { app, browser, clock } = await run(platform);
    await browser.get('/look');
    await browser.post('/login', { user: 'alice' });
    const stolen = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    await browser.get('/me');
    expect(await read('nest_sessions.events')).toEqual({ created: 1, login: 1, rolled: 1, rotated: 1 });
    clock.advance('1m');
    expect((await browser.get('/me', { cookie: stolen })).status).toBe(401);
    await browser.post('/login', { user: 'bob' });
    await app.get(SessionService).revokeAll('bob');
    expect(await read('nest_sessions.events')).toEqual({
      created: 2,
      login: 2,
      rolled: 1,
      rotated: 1,
      reused: 1,
      'ended reused': 1,
      'ended revoked': 1,
    });
  });

  it('counts cookies by what they open', async () => {
    const store = new SpyStore();
    const { browser, clock } = await run(platform, { store });
    await browser.get('/look');
    await browser.post('/login', { user: 'alice' });
    await browser.get('/me');
    await browser.get('/me', { cookie: '__Host-session=s1.nobody' });
    const { cookie } = browser;
    store.fail('rejects', 'load');
    await browser.get('/me');
    store.heal();
    clock.advance('31m');
    await browser.get('/me', { cookie });
    expect(await read('nest_sessions.opened')).toEqual({ live: 1, foreign: 1, unavailable: 1, unknown: 1 });
  });

  it('measures each call of the store, and makes it a span within that of the request', async () => {
    const store = new SpyStore();
    const { browser } = await run(platform, { store });
    await browser.post('/login', { user: 'alice' });
    await browser.get('/me');
    store.fail('rejects', 'load');
    await browser.get('/me');
    expect(await read('nest_sessions.store.duration')).toMatchObject({
      'store create false': 1,
      'store load false': 1,
      'store load true': 1,
    });
    const spans = spanExporter.getFinishedSpans();
    const requests = spans.filter(({ name }) => name === 'request').map((span) => span.spanContext().spanId);
    const calls = spans.filter(({ name }) => name.startsWith('sessions '));
    expect(calls.map(({ name, status }) => [name, status.code === SpanStatusCode.ERROR])).toEqual([
      ['sessions create', false],
      ['sessions load', false],
      ['sessions load', true],
    ]);
    for (const call of calls) expect(requests).toContain(call.parentSpanContext?.spanId);
    expect(JSON.stringify(calls.map(({ attributes, name }) => [attributes, name]))).not.toMatch(/alice/);
  });

  it('tells the index and the list of sealed cookies apart', async () => {
    const { browser } = await run(platform, { store: new SealedCookie({ index: new MemoryStore() }) });
    await browser.post('/login', { user: 'alice' });
    await browser.post('/logout');
    const calls = Object.keys(await read('nest_sessions.store.duration'));
    expect(calls).toEqual(expect.arrayContaining(['index create false', 'revocations add false']));
  });

  it('counts writes that another request forestalled', async () => {
    const store = new SpyStore();
    const { browser } = await run(platform, { store });
    const other = await run(platform, { store });
    await browser.post('/login', { user: 'alice' });
    const { cookie } = browser;
    let forestalled = false;
    store.gate = async (question) => {
      if (question !== 'commit' || forestalled) return;
      forestalled = true;
      await other.browser.post('/increment/n', undefined, { cookie });
    };
    expect((await browser.post('/increment/n')).json()).toEqual({ value: 2 });
    expect(await read('nest_sessions.conflicts')).toEqual({ '': 1 });
  });

  it('measures nothing once it is stopped, and nothing else keeps the channels busy', async () => {
    stop();
    const { browser } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    expect(await read('nest_sessions.store.duration')).toEqual({});
    expect(spanExporter.getFinishedSpans().filter(({ name }) => name !== 'request')).toEqual([]);
  });

  it('makes no spans where only metrics are wanted', async () => {
    stop();
    stop = instrumentSessions({ meterProvider, tracerProvider, spans: false });
    const { browser } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    expect(await read('nest_sessions.store.duration')).toEqual({ 'store create false': 1 });
    expect(spanExporter.getFinishedSpans().filter(({ name }) => name !== 'request')).toEqual([]);
  });

  it('publishes the events themselves on a channel', async () => {
    const published: unknown[] = [];
    const listener = (message: unknown) => void published.push(message);
    subscribe('nest-sessions:event', listener);
    try {
      const { app, browser } = await run(platform);
      const emitted: unknown[] = [];
      app.get(SessionService).events.subscribe((event) => emitted.push(event));
      await browser.post('/login', { user: 'alice' });
      await browser.post('/logout');
      expect(published).toEqual(emitted);
      expect(published).toHaveLength(3);
    } finally {
      unsubscribe('nest-sessions:event', listener);
    }
  });
});
