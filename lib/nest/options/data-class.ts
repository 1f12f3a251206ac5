import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { pathOf } from '../../core/model/data-json.js';
import { wrongOption } from '../../core/util/options.js';
import type { DataFault } from '../../core/model/data-fault.js';
import type { DataParser } from '../../core/model/data-schema.js';

/**
 * Reads data through a class with class-validator decorators.
 *
 * @throws SessionError `ERR_OPTIONS` for a class that would refuse or accept everything
 */
export function byClass(shape: Type): DataParser {
  assertChecks(shape);
  const declaresConstructor = rulesFor(shape).some(({ propertyName }) => propertyName === 'constructor');
  return (data) => {
    // Nested classes (`@ValidateNested() @Type(() => Item)`) are what class-validator looks for.
    const instance = plainToInstance(shape, data) as Record<string, unknown>;
    const errors = validateSync(instance, {
      skipMissingProperties: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: false,
    });
    const invalid = errors.flatMap((error) => faultsOf(error));
    // class-transformer leaves this key out, so class-validator does not see it.
    if (!declaresConstructor && Object.hasOwn(data, 'constructor'))
      invalid.push({ key: 'constructor', detail: undeclared('constructor', shape) });
    return invalid.length > 0 ? { invalid } : { values: instance };
  };
}

/** The keys that a class decorates: others are refused when they are stored. */
export const keysOfClass = (shape: Type): readonly string[] => [
  ...new Set(rulesFor(shape).map(({ propertyName }) => propertyName)),
];

/** The rules that a property and what is below it break, by their names: messages may contain values. */
function faultsOf(error: ValidationError): DataFault[] {
  const key = error.property;
  const details = rulesOf(error, []);
  // An error is a fault even if it names no rule.
  return details.length > 0 ? details.map((detail) => ({ key, detail })) : [{ key }];
}

function rulesOf(error: ValidationError, above: readonly (string | number)[]): string[] {
  const [key, ...below] = [...above, error.property];
  const path = pathOf(String(key), below);
  const own = Object.keys(error.constraints ?? {}).map((rule) =>
    rule === 'whitelistValidation' ? undeclared(path, error.target?.constructor) : `${path}: ${rule}`,
  );
  const within = (error.children ?? []).flatMap((child) => rulesOf(child, [...above, error.property]));
  return [...own, ...within];
}

/** What is said of a key that the class does not declare. */
const undeclared = (path: string, shape: { readonly name: string } | undefined): string =>
  `${path} is no property of ${shape?.name || 'the class'}: declare it with a decorator`;

const rulesFor = (shape: Type) => getMetadataStorage().getTargetValidationMetadatas(shape, '', false, false);

/** @throws SessionError `ERR_OPTIONS` */
function assertChecks(shape: Type): void {
  if (rulesFor(shape).length === 0)
    throw wrongOption(
      'SessionModule',
      `data: ${shape.name || 'the class'} has no class-validator decorators, so that no key could be stored. Decorate each property, such as @IsString() name?: string.`,
    );
  const found = asynchronous(shape, new Set());
  if (found)
    throw wrongOption(
      'SessionModule',
      `data: ${found} is validated asynchronously, which would be skipped. Use decorators that answer at once.`,
    );
}

/** A property that has an asynchronous constraint, also of nested classes. */
function asynchronous(shape: Type, seen: Set<unknown>): string | undefined {
  seen.add(shape);
  const storage = getMetadataStorage();
  const rules = rulesFor(shape);
  const found = rules.find(({ constraintCls }) =>
    storage.getTargetValidatorConstraints(constraintCls).some((constraint) => constraint.async),
  );
  if (found) return `${shape.name || 'the class'}.${found.propertyName}`;
  for (const { type, propertyName } of rules) {
    const nested = type === 'nestedValidation' ? nestedClass(shape, propertyName) : undefined;
    const within = nested && !seen.has(nested) && asynchronous(nested, seen);
    if (within) return within;
  }
  return undefined;
}

/** The class of a property by `@Type()`. `undefined` if it depends on the value. */
function nestedClass(shape: Type, property: string): Type | undefined {
  try {
    const made = plainToInstance(shape, { [property]: [{}] }) as Record<string, [object] | undefined>;
    return made[property]?.[0].constructor as Type | undefined;
  } catch {
    return undefined;
  }
}
