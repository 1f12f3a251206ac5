import type { INestApplication } from '@nestjs/common';
import { SwaggerModule, type OpenAPIObject, type SwaggerDocumentOptions } from '@nestjs/swagger';
import { SESSION_SETTINGS } from '../nest/options/tokens.js';
import type { SessionSettings } from '../nest/options/session.settings.js';
import { answersOf } from './answers.js';
import { handlersOf } from './handlers.js';
import { whileDescribed } from './metadata.js';

/** What `new DocumentBuilder().build()` returns. */
export type DocumentConfig = Omit<OpenAPIObject, 'paths'>;

/** The name of the security scheme in the document. */
export const SESSION_SCHEME = 'session';

/**
 * In place of `SwaggerModule.createDocument()`: the OpenAPI document with the session cookie as a security scheme, and at each
 * handler with what the guards and decorators of this library ask for: 401 and the scheme where a login is needed, 403 where
 * requests from other sites or without a device-bound session are refused, 503 where a session is needed that the store may not give. An answer that a handler
 * declares itself stays as it is. Call it when all global guards are set.
 *
 * @param config the result of `DocumentBuilder`
 * @param options those of `SwaggerModule.createDocument()`
 * @example SwaggerModule.setup('api', app, () => createDocument(app, config));
 */
export function createDocument(
  app: INestApplication,
  config: DocumentConfig,
  options?: SwaggerDocumentOptions,
): OpenAPIObject {
  const settings = app.get<SessionSettings>(SESSION_SETTINGS, { strict: false });
  const described = handlersOf(app).map((handler) => ({
    handler,
    answers: answersOf(handler, settings),
    scheme: handler.asked && SESSION_SCHEME,
  }));
  return whileDescribed(described, () =>
    SwaggerModule.createDocument(app, withScheme(config, settings.engine.cookie.name), options),
  );
}

const withScheme = (config: DocumentConfig, cookie: string): DocumentConfig => ({
  ...config,
  components: {
    ...config.components,
    securitySchemes: {
      ...config.components?.securitySchemes,
      [SESSION_SCHEME]: {
        type: 'apiKey',
        in: 'cookie',
        name: cookie,
        description: 'The session cookie, which the browser gets at the login.',
      },
    },
  },
});
