import { wrongOption } from '../core/util/options.js';

type Properties = Record<string, unknown>;
type WrappedRequest = Properties & { raw: Properties };

/** As much of Fastify as is needed here. */
export interface FastifyInstance {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: string, property: { getter(): unknown; setter(value: unknown): void }): void;
  addHook(name: 'onRequest', hook: (request: WrappedRequest, reply: object, done: () => void) => void): void;
}

/** What Passport's middleware and connect-flash put on a request. */
const PUT = [
  'user',
  'login',
  'logIn',
  'logout',
  'logOut',
  'isAuthenticated',
  'isUnauthenticated',
  '_sessionManager',
  '_passport',
  'flash',
];

/**
 * With Fastify, middleware gets the raw request, and guards and handlers a wrapper around it. What the former put on the one
 * is given to the other, and `session` is a property of both.
 *
 * @param session the property, which finds the raw request behind a wrapper
 * @throws SessionError `ERR_OPTIONS` if a plugin has defined `request.session`
 */
export function prepareWrappers(fastify: FastifyInstance, session: PropertyDescriptor): void {
  if (fastify.hasRequestDecorator('session')) {
    throw wrongOption(
      'PassportSessions',
      'request.session is that of a plugin already, such as @fastify/session. Remove the plugin: the session of SessionModule takes its place.',
    );
  }
  fastify.decorateRequest('session', { getter: session.get!, setter: session.set! });
  // Nest has added the hook of the middleware before, so this one comes after it.
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request;
    for (const name of PUT) if (raw[name] !== undefined) request[name] ??= raw[name];
    done();
  });
}
