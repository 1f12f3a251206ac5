import { sendFailure } from '../../lib/http/failure-response.js';
import { OriginalResponse } from '../../lib/http/response/original-response.js';
import type { FailureAnswer, ResponseListener } from '../../lib/http/response/response-hook.js';
import { TARGETED_CACHE_HEADERS } from '../../lib/http/headers/targeted-cache-headers.js';
import { unsentResponse } from '../support/unsent-response.js';

const FAILURE: FailureAnswer = { status: 503, body: '{"grüße":1}' };
const ERROR = new Error('The store is down.');

function setUp(listener: Partial<ResponseListener> = {}) {
  const response = unsentResponse();
  const [lost, heads, explained]: [unknown[], unknown[], unknown[]] = [[], [], []];
  const bodies: unknown[] = [];
  const end = response.end.bind(response);
  response.end = ((body: unknown) => (bodies.push(body), end(body))) as never;
  const original = new OriginalResponse(response, {
    beforeHead: () => undefined,
    onHead: (head) => void heads.push(head),
    answerFailure: (error) => (explained.push(error), FAILURE),
    onLost: (error) => void lost.push(error),
    ...listener,
  });
  return { response, original, lost, heads, explained, bodies };
}

const throws = (error: Error) => () => {
  throw error;
};

describe('the response for a failure', () => {
  it('is what the listener describes, with its length in octets', () => {
    const { response, original, explained, heads, bodies, lost } = setUp();
    response.statusMessage = 'Created';
    sendFailure(original, ERROR);
    expect(explained).toEqual([ERROR]);
    expect(heads).toEqual([response]);
    expect(response.statusCode).toBe(503);
    expect(response.statusMessage).toBe('Service Unavailable');
    expect({ ...response.getHeaders() }).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'content-length': 13,
    });
    expect(bodies).toEqual([FAILURE.body]);
    expect(response.writableEnded).toBe(true);
    expect(lost).toEqual([]);
  });

  it('has the content type that the listener gives', () => {
    const { response, original } = setUp({ answerFailure: () => ({ ...FAILURE, contentType: 'text/html' }) });
    sendFailure(original, ERROR);
    expect(response.getHeader('content-type')).toBe('text/html');
  });

  it.each([
    'Content-Encoding',
    'Content-Range',
    'Content-Disposition',
    'Transfer-Encoding',
    'Trailer',
    'ETag',
    'Last-Modified',
    'Cache-Control',
    'Expires',
    'Location',
    'Accept-Ranges',
    ...TARGETED_CACHE_HEADERS.keys(),
  ])('has no %s of the body that it replaces', (name) => {
    const { response, original } = setUp();
    response.setHeader(name, 'own');
    response.setHeader('X-Own', '1');
    sendFailure(original, ERROR);
    expect(response.hasHeader(name)).toBe(false);
    expect(response.getHeader('X-Own')).toBe('1');
  });

  it('is not stored, and calls the listener once, where the head of the replaced one was made already', () => {
    const { response, original, heads } = setUp();
    original.headDone = true;
    sendFailure(original, ERROR);
    expect(heads).toEqual([]);
    expect(response.getHeader('cache-control')).toBe('no-store');
    expect(response.statusCode).toBe(503);
  });

  it('leaves it to the listener whether it is stored, where no head was made', () => {
    const { response, original } = setUp({
      onHead: (head) => void head.setHeader('Cache-Control', 'private'),
    });
    sendFailure(original, ERROR);
    expect(response.getHeader('cache-control')).toBe('private');
    expect(original.headDone).toBe(true);
  });

  const second = new Error('No words.');

  it.each<[string, Partial<ResponseListener>]>([
    ['has no words for it', { answerFailure: throws(second) }],
    ['fails at its head', { onHead: throws(second) }],
  ])(
    'is a plain 500 that is not stored, without the headers of the application, where the listener %s',
    (_what, listener) => {
      const { response, original, lost, bodies } = setUp(listener);
      response.setHeader('X-Own', '1');
      response.setHeader('Set-Cookie', 'a=1');
      sendFailure(original, ERROR);
      expect(lost).toEqual([second]);
      expect(response.statusCode).toBe(500);
      expect({ ...response.getHeaders() }).toEqual({
        'cache-control': 'no-store',
        'content-type': 'application/json; charset=utf-8',
        'content-length': 52,
      });
      expect(JSON.parse(String(bodies[0]))).toEqual({ statusCode: 500, message: 'Internal server error' });
    },
  );

  it('is cut off where a head was sent and the listener has no words', () => {
    const { response, original, lost } = setUp({ answerFailure: throws(second) });
    response.flushHeaders();
    sendFailure(original, ERROR);
    expect(lost).toEqual([second]);
    expect(response.destroyed).toBe(true);
    expect(response.writableEnded).toBe(false);
  });

  it('is cut off where not even the plain one can be sent', () => {
    const third = new Error('No head.');
    const { response, original, lost } = setUp({ answerFailure: throws(second) });
    Object.assign(original, { writeHead: throws(third) });
    sendFailure(original, ERROR);
    expect(lost).toEqual([second, third]);
    expect(response.destroyed).toBe(true);
  });
});
