import type { ApiResponseSchemaHost } from '@nestjs/swagger';
import type { SessionSettings } from '../nest/options/session.settings.js';
import type { Handler } from './handlers.js';

/** An answer of this library to a request that it refuses. */
export interface Answer extends Pick<ApiResponseSchemaHost, 'description' | 'schema'> {
  status: number;
}

/** What a client may get from a handler in place of the handler's own answer. */
export function answersOf(
  { policy, asked, unsafe, deviceBound }: Handler,
  { crossOrigin, discloseEviction, device }: SessionSettings,
): Answer[] {
  const answers: Answer[] = [];
  const logins = ['ERR_LOGIN_REQUIRED', ...(discloseEviction ? ['ERR_SESSION_EVICTED'] : [])];
  if (asked === 'login') answers.push(answer(401, 'Nobody is logged in.', logins));
  if (asked === 'relogin')
    answers.push(
      answer(
        401,
        'Nobody is logged in, or the login is not recent enough.',
        [...logins, 'ERR_RELOGIN_REQUIRED'],
        MAX_AGE,
      ),
    );
  const forbidden = [
    ...(crossOrigin === 'block' && !policy.allowCrossOrigin && (unsafe || policy.logout) ? [FOREIGN] : []),
    ...(deviceBound || (asked && device?.policy.required) ? [UNBOUND] : []),
  ];
  if (forbidden.length > 0) {
    const [reasons, codes] = [0, 1].map((i) => forbidden.map((one) => one[i]!));
    answers.push(answer(403, `${reasons!.join(', or ')}.`, codes!));
  }
  if (asked ?? policy.logout)
    answers.push(answer(503, 'Sessions are temporarily unavailable.', ['ERR_STORE_UNAVAILABLE']));
  return answers;
}

/** Why a request is forbidden, and the code. */
const FOREIGN = ['The request comes from another site', 'ERR_CROSS_ORIGIN'] as const;
const UNBOUND = ['The session is not bound to a device', 'ERR_DEVICE_REQUIRED'] as const;

const MAX_AGE = {
  maxAge: {
    type: 'integer',
    description: 'With ERR_RELOGIN_REQUIRED: how old the login may be, in seconds.',
  },
};

/** With the body of a `SessionHttpException`. */
const answer = (status: number, description: string, codes: string[], more = {}): Answer => ({
  status,
  description,
  schema: {
    type: 'object',
    required: ['statusCode', 'error', 'message', 'code'],
    properties: {
      statusCode: { type: 'integer' },
      error: { type: 'string' },
      message: { type: 'string' },
      code: { type: 'string', enum: codes },
      ...more,
    },
  },
});
