import type { ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';
import { deviceKeyOf, type DeviceKey } from '../../core/device/device-key.js';
import type { DeviceRefusal } from '../../core/device/device-refusal.js';
import type { SessionEngine } from '../../core/engine.js';
import { traceOf } from '../../core/events/events.js';
import type { SessionRecord } from '../../core/model/record.js';
import type { RequestState } from '../../core/request/request-state.js';
import { isUnavailable } from '../../core/util/errors.js';
import type { FrameworkRequest } from '../../http/request-facts.js';
import { isGone } from '../../http/response/response-calls.js';
import type { DeviceProofs } from './device-proof.js';
import { challengeHeader, configuration, deviceRequestOf, termination } from './device-headers.js';
import type { DeviceCall, DeviceSettings } from './device.settings.js';

const logger = new Logger('nest-sessions');

interface Answer {
  status: 200 | 403 | 503;
  body: string;
  headers?: Record<string, string>;
}

/**
 * Answers the requests that browsers send by themselves for device-bound sessions: to register a key, and to renew the bound
 * cookie. Browsers end a device session on almost any other answer than these (a redirect, 401, 404, 429, a 403 without a
 * challenge), so no guard, prefix, version or rate limit of the application comes before this.
 */
export class DeviceEndpoint {
  readonly #settings: DeviceSettings;
  readonly #proofs: DeviceProofs;
  readonly #engine: SessionEngine;

  constructor(settings: DeviceSettings, proofs: DeviceProofs, engine: SessionEngine) {
    this.#settings = settings;
    this.#proofs = proofs;
    this.#engine = engine;
  }

  /** What a request asks for; `undefined` for one that is not a device's. */
  callOf(
    { method, url = '' }: FrameworkRequest,
    { originalUrl = url }: FrameworkRequest,
  ): DeviceCall | undefined {
    if (method !== 'POST') return undefined;
    const end = originalUrl.indexOf('?');
    return this.#settings.calls.get(end === -1 ? originalUrl : originalUrl.slice(0, end));
  }

  /** @param state opened without the bound cookie, which is what the request is to get */
  async answer(
    call: DeviceCall,
    state: RequestState,
    request: FrameworkRequest,
    response: ServerResponse,
  ): Promise<void> {
    state.access();
    const { status, body, headers } = await this.#answerTo(call, state, request, () => !isGone(response));
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      ...headers,
    });
    response.end(body);
  }

  async #answerTo(
    call: DeviceCall,
    state: RequestState,
    request: FrameworkRequest,
    isAwaited: () => boolean,
  ): Promise<Answer> {
    // A browser keeps its device session on a 5xx, and comes again.
    if (state.refusal !== undefined) return UNAVAILABLE;
    const { sessionId, proof } = deviceRequestOf(request.headers);
    try {
      return await state.inTurn(() =>
        call === 'registration'
          ? this.#register(state, proof, isAwaited)
          : this.#refresh(state, sessionId, proof),
      );
    } catch (error) {
      // The store's health has logged an outage.
      if (!isUnavailable(error)) logger.error('A request of a device-bound session failed.', traceOf(error));
      return UNAVAILABLE;
    }
  }

  async #register(state: RequestState, jwt: string | undefined, isAwaited: () => boolean): Promise<Answer> {
    const record = state.live?.handle.record;
    if (record?.subject === undefined) return this.#refuse(state, 'no-session');
    if (jwt === undefined) return this.#refuse(state, 'no-proof');
    if (deviceKeyOf(record)) return this.#refuse(state, 'bound');
    const proof = await this.#proofs.ofRegistration(jwt);
    if (proof.kind === 'refused') return this.#refuse(state, proof.reason);
    const { policy } = this.#settings;
    if (!policy.acceptable(proof.challenge, record.id, undefined, state.now()))
      return this.#refuse(state, 'challenge');
    // The browser would not keep the key.
    if (!isAwaited()) return UNAVAILABLE;
    const key = await this.#engine.device.bind(state, proof.key, isAwaited);
    return key ? this.#grant(state, key) : this.#refuse(state, 'bound');
  }

  async #refresh(state: RequestState, id: string | undefined, jwt: string | undefined): Promise<Answer> {
    if (!id) return this.#refuse(state, 'no-session-id');
    const record = state.live?.handle.record;
    if (!record) return this.#withoutSession(state, id);
    const key = deviceKeyOf(record);
    // The session that the browser bound is over, and this client has another one.
    if (record.id !== id || !key) return ended(id);
    // A later version wrote it. Another node may read it.
    if (key.thumbprint === '') return UNAVAILABLE;
    if (jwt === undefined) return this.#challenge(state, record, key);
    const proof = await this.#proofs.ofRefresh(jwt, key);
    if (proof.kind === 'refused' && proof.reason === 'signature') {
      this.#engine.device.refused(state, 'signature');
      await this.#engine.device.reused(state);
      return ended(id);
    }
    if (proof.kind === 'refused') return this.#challengeAgain(state, record, key, proof.reason);
    const { policy } = this.#settings;
    const challenge = policy.acceptable(proof.challenge, id, key, state.now());
    if (!challenge) return this.#challengeAgain(state, record, key, 'challenge');
    const until = challenge.at + policy.lifetimeOfChallenge(key);
    const refreshed = await this.#engine.device.refresh(state, challenge, until);
    return refreshed ? this.#grant(state, key) : this.#challengeAgain(state, record, key, 'challenge');
  }

  /** A client whose cookie was replaced a moment ago has the new one, or is about to get it: it is asked to come again. */
  #withoutSession(state: RequestState, id: string): Answer {
    const former = state.former?.handle.record;
    if (!state.superseded || former?.id !== id) return ended(id);
    const key = deviceKeyOf(former);
    if (key) return this.#challenge(state, former, key);
    // A sealed cookie of before the binding lacks it: a browser that knows the id has a later one, or is about to.
    return this.#engine.device.keyIsInCookie ? UNAVAILABLE : ended(id);
  }

  /** The bound cookie, and a challenge for the next time, which then takes one round trip. */
  #grant(state: RequestState, key: DeviceKey): Answer {
    const { record } = state.live!.handle;
    const { id } = record;
    return {
      status: 200,
      body: configuration(this.#settings, id),
      headers: {
        'Set-Cookie': this.#settings.policy.setCookie(id, key, state.now()),
        'Secure-Session-Challenge': this.#nextChallenge(state, record, key),
      },
    };
  }

  #challenge(state: RequestState, record: SessionRecord, key: DeviceKey): Answer {
    return { ...REFUSED, headers: { 'Secure-Session-Challenge': this.#nextChallenge(state, record, key) } };
  }

  #nextChallenge(state: RequestState, record: SessionRecord, key: DeviceKey): string {
    const at = this.#engine.device.challengeTime(record, state.now());
    return challengeHeader(this.#settings.policy.challenge(record, key, at), record.id);
  }

  #challengeAgain(state: RequestState, record: SessionRecord, key: DeviceKey, reason: DeviceRefusal): Answer {
    this.#engine.device.refused(state, reason);
    return this.#challenge(state, record, key);
  }

  #refuse(state: RequestState, reason: DeviceRefusal): Answer {
    this.#engine.device.refused(state, reason);
    return REFUSED;
  }
}

const REFUSED: Answer = { status: 403, body: '{}' };
const UNAVAILABLE: Answer = { status: 503, body: '{}', headers: { 'Retry-After': '5' } };

const ended = (id: string): Answer => ({ status: 200, body: termination(id) });
