import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { isGlobal } from '../guards/global-guards.js';
import { policyOfHandler } from '../request/session.metadata.js';

/** Where @nestjs/websockets keeps what the decorators of gateways say. */
const GATEWAY = 'websockets:is_gateway';
const MESSAGE = 'websockets:message_mapping';

/** What the gateways of an application say of the sockets that they take, all together: they may share a server. */
export interface GatewayPolicies {
  /** No handler takes a message of a client that is not logged in. */
  needLogin: boolean;
  /** A handler takes messages over a socket that another site opened. */
  someCrossOrigin: boolean;
}

export function gatewayPolicies(modules: ModulesContainer): GatewayPolicies {
  const handlers = gatewaysIn(modules).flatMap(handlersOf);
  const global = isGlobal('login', modules) || isGlobal('relogin', modules);
  const needsLogin = ({ bound, spared }: Policy): boolean =>
    !spared.login && (global || bound.login || bound.relogin);
  return {
    needLogin: handlers.length > 0 && handlers.every(needsLogin),
    someCrossOrigin: handlers.some(({ allowCrossOrigin }) => allowCrossOrigin),
  };
}

type Policy = ReturnType<typeof policyOfHandler>;

export const gatewaysIn = (modules: ModulesContainer): Type[] =>
  [...modules.values()].flatMap(({ providers }) =>
    [...providers.values()].flatMap(({ metatype }) =>
      typeof metatype === 'function' && Reflect.hasMetadata(GATEWAY, metatype) ? [metatype as Type] : [],
    ),
  );

/** A gateway without handlers only sends: its class speaks for it. */
function handlersOf(gateway: Type): Policy[] {
  const methods = methodsOf(gateway.prototype as object).filter((method) =>
    Reflect.hasMetadata(MESSAGE, method),
  );
  return (methods.length > 0 ? methods : [gateway]).map((method) => policyOfHandler(method, gateway));
}

function methodsOf(prototype: object | null): object[] {
  if (prototype === null || prototype === Object.prototype) return [];
  const own = Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const value: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
    return typeof value === 'function' ? [value] : [];
  });
  return [...own, ...methodsOf(Object.getPrototypeOf(prototype) as object | null)];
}
