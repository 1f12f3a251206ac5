import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { DataValidator } from '../../core/model/data.js';
import { wrongOption } from '../../core/util/options.js';
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.js';

/** A check of a session's data, key by key. A key that is absent is never at fault: sessions fill up over time. */
export function dataValidator(shape: Type | StandardSchemaV1): DataValidator {
  return '~standard' in shape ? bySchema(shape) : byClass(shape);
}

function byClass(shape: Type): DataValidator {
  return (data) => {
    // Nested classes (`@ValidateNested() @Type(() => Item)`) are what class-validator looks for.
    const instance = plainToInstance(shape, data) as object;
    const errors = validateSync(instance, {
      skipMissingProperties: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: false,
    });
    return errors.map((error) => error.property);
  };
}

/** A schema that always takes its time is known at boot; one that does for some values alone, when these come. */
function bySchema(shape: StandardSchemaV1): DataValidator {
  validateNow(shape, {});
  return (data) => {
    const result = validateNow(shape, data);
    const keys = Object.keys(data);
    return [...new Set((result.issues ?? []).flatMap((issue) => keysOf(issue, keys)))];
  };
}

/** @throws SessionError `ERR_OPTIONS` */
function validateNow(shape: StandardSchemaV1, data: object) {
  const result = shape['~standard'].validate(data);
  if (!(result instanceof Promise)) return result;
  // Nobody waits for what it says.
  result.catch(() => undefined);
  throw wrongOption(
    'SessionModule',
    'data: the schema validates asynchronously. Give one that answers at once.',
  );
}

/** The present keys that an issue speaks of; one without a path may name unknown keys, or speaks of all. */
function keysOf(issue: StandardIssue & { keys?: unknown }, present: string[]): string[] {
  const [first] = issue.path ?? [];
  if (first === undefined)
    return Array.isArray(issue.keys)
      ? present.filter((key) => (issue.keys as unknown[]).includes(key))
      : present;
  const key = String(typeof first === 'object' ? first.key : first);
  return present.filter((one) => one === key);
}
