import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
  type MeterProvider,
  type TracerProvider,
} from '@opentelemetry/api';
import type { ConflictMessage, OpenedMessage, StoreCallMessage } from '../core/diagnostics/channels.js';
import type { SessionEvent } from '../core/events/events.js';

export type { ConflictMessage, OpenedMessage, StoreCallMessage };

/** What {@link instrumentSessions} takes. */
export interface InstrumentationOptions {
  /** Makes the spans. @default the global one */
  tracerProvider?: TracerProvider;
  /** Makes the metrics. @default the global one */
  meterProvider?: MeterProvider;
  /** Whether each call of the store becomes a span, within the span of its request. @default true */
  spans?: boolean;
}

const NAME = 'nest-sessions';

/**
 * Turns what the library publishes into metrics and spans of OpenTelemetry, for all applications of the process. Call it when the
 * SDK has started. None of it holds an id, a subject or an address.
 *
 * | metric | | attributes |
 * | --- | --- | --- |
 * | `nest_sessions.events` | counter | `event`, and `reason` of `ended`; without events of other nodes |
 * | `nest_sessions.opened` | counter, of requests with a session cookie | `result`: `live`, `unavailable`, or why it opens nothing |
 * | `nest_sessions.conflicts` | counter, of writes that another request forestalled | |
 * | `nest_sessions.store.duration` | histogram, seconds | `part`, `operation`, `failed` |
 *
 * @returns a function that stops it
 * @example const stop = instrumentSessions();
 */
export function instrumentSessions(options: InstrumentationOptions = {}): () => void {
  const { tracerProvider = trace, meterProvider = metrics, spans = true } = options;
  const listeners = {
    ...measuring(meterProvider),
    'nest-sessions:store-call': [
      timing(meterProvider),
      ...(spans ? [tracing(tracerProvider)] : []),
    ] as Listener[],
  };
  const all = Object.entries(listeners).flatMap(([channel, some]) =>
    some.map((listener) => ({ channel, listener: (message: unknown) => listener(message as never) })),
  );
  for (const { channel, listener } of all) subscribe(channel, listener);
  return () => {
    for (const { channel, listener } of all) unsubscribe(channel, listener);
  };
}

type Listener = (message: never) => void;

function measuring(provider: MeterProvider): Record<string, Listener[]> {
  const meter = provider.getMeter(NAME);
  const events = meter.createCounter('nest_sessions.events', {
    description: 'What happened to sessions on this node.',
  });
  const opened = meter.createCounter('nest_sessions.opened', {
    description: 'Requests that presented a session cookie.',
  });
  const conflicts = meter.createCounter('nest_sessions.conflicts', {
    description: 'Writes of a session that another request forestalled. They are tried again.',
  });
  return {
    'nest-sessions:event': [
      (event: SessionEvent) => {
        if (event.remote) return;
        events.add(1, { event: event.type, ...(event.type === 'ended' && { reason: event.reason }) });
      },
    ],
    'nest-sessions:opened': [({ result }: OpenedMessage) => opened.add(1, { result })],
    'nest-sessions:conflict': [() => conflicts.add(1)],
  };
}

/** In seconds, as the semantic conventions have it: a store answers within fractions of a millisecond up to its timeout. */
const BOUNDARIES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

function timing(provider: MeterProvider): (call: StoreCallMessage) => void {
  const histogram = provider.getMeter(NAME).createHistogram('nest_sessions.store.duration', {
    description: 'How long the store, the index and the revocation list take.',
    unit: 's',
    advice: { explicitBucketBoundaries: BOUNDARIES },
  });
  return ({ part, operation, duration, failed }) =>
    histogram.record(duration / 1000, { part, operation, failed });
}

/** The call is over when it is published, in the context in which it was made. */
function tracing(provider: TracerProvider): (call: StoreCallMessage) => void {
  const tracer = provider.getTracer(NAME);
  return ({ part, operation, startedAt, duration, failed }) => {
    const span = tracer.startSpan(`sessions ${operation}`, {
      kind: SpanKind.CLIENT,
      startTime: startedAt,
      attributes: { 'nest_sessions.part': part, 'nest_sessions.operation': operation },
    });
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startedAt + duration);
  };
}
