import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  Matches,
  ValidateBy,
  ValidateIf,
  getMetadataStorage,
  validateSync,
  type ValidationError,
} from 'class-validator';
import { distance } from 'fastest-levenshtein';
import { milliseconds, type Duration } from '../../core/util/durations.js';
import { isSessionError, SessionError } from '../../core/util/errors.js';

/** A check by a function that returns what is wrong and how to mend it, or nothing. */
function Checked(complaint: (value: unknown, name: string) => string | undefined): PropertyDecorator {
  return ValidateBy({
    name: 'checked',
    validator: {
      validate: (value, args) => complaint(value, args!.property) === undefined,
      defaultMessage: (args) => complaint(args!.value, args!.property) ?? '',
    },
  });
}

const IsDuration = (path = ''): PropertyDecorator =>
  Checked((value, name) => {
    try {
      milliseconds(value as Duration, path + name);
      return undefined;
    } catch (error) {
      if (isSessionError(error)) return error.message;
      throw error;
    }
  });

const IsNested = (shape: () => new () => object): PropertyDecorator =>
  Checked((value, name) => {
    if (typeof value !== 'object' || value === null) return `${name}: give an object.`;
    return complaints(shape(), value, `${name}.`).join(' ') || undefined;
  });

const HOW_TO_MAKE_ONE = `Make one with: node -e "console.log(require('crypto').randomBytes(32).toString('base64url'))", and give it through the environment.`;

/** What is found in tutorials and left there. */
const DEFAULTS =
  /change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|keyboard[-_ ]?cat|your[-_ ]?(?:secret|key|session)|placeholder|(?:super|my|top)[-_ ]?secret[-_ ]?(?:key)?$/i;

function secretComplaint(value: unknown): string | undefined {
  const secrets: unknown[] = Array.isArray(value) ? value : [value];
  if (secrets.length === 0 || secrets.some((secret) => typeof secret !== 'string' || secret === '')) {
    return `secret: it is missing. ${HOW_TO_MAKE_ONE}`;
  }
  for (const secret of secrets as string[]) {
    if (DEFAULTS.test(secret) || /^(.)\1*$/s.test(secret))
      return `secret: it looks like a default that anybody can guess. ${HOW_TO_MAKE_ONE}`;
    if (Buffer.byteLength(secret) < 32)
      return `secret: it has ${Buffer.byteLength(secret)} bytes, and less than 32 can be guessed. ${HOW_TO_MAKE_ONE}`;
  }
  return undefined;
}

/** What stands in a header is ASCII (RFC 9110 §5.5); Node throws at other letters when it is too late to answer. */
const VISIBLE = /^[\x21-\x7e]*$/;

/** path-value (RFC 6265 §4.1.1), but for '<', which the package `cookie` refuses. */
function pathComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/[^;\s]*$/.test(value))
    return "cookie.path: it begins with '/', and has neither ';' nor blanks.";
  if (VISIBLE.test(value) && !value.includes('<')) return undefined;
  return `cookie.path: ${encodedHint(value)}`;
}

function urlComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/(?![/\\])[^\s]*$/.test(value))
    return "relogin.url: a path of this application, such as '/login/again'.";
  if (VISIBLE.test(value)) return undefined;
  return `relogin.url: ${encodedHint(value)}`;
}

function encodedHint(value: string): string {
  const encoded = encodeURI(Buffer.from(value).toString()).replaceAll('%25', '%');
  return `it has characters that cannot stand in a header. Write them percent-encoded: '${encoded}'.`;
}

class CookieShape {
  @IsOptional()
  @Matches(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, {
    message: 'cookie.name: use letters, digits and -_.~ (RFC 6265 §4.1.1).',
  })
  name?: string;

  @IsOptional() @Checked(pathComplaint) path?: string;

  // RFC 1034 §3.5: labels of letters, digits and hyphens, at most 63 each.
  @IsOptional()
  @Matches(/^\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i, {
    message:
      "cookie.domain: give a host name such as 'example.com', without scheme or port; one in other letters as 'xn--…'.",
  })
  domain?: string;

  @IsOptional()
  @IsIn(['strict', 'lax', 'none'], { message: "cookie.sameSite: one of 'strict', 'lax' and 'none'." })
  sameSite?: string;

  @IsOptional()
  @IsBoolean({
    message:
      'cookie.secure: true or false. Behind a proxy that ends TLS leave it true and set `trust proxy`.',
  })
  secure?: boolean;

  @IsOptional()
  @IsBoolean({ message: 'cookie.partitioned: true or false.' })
  partitioned?: boolean;

  @IsOptional()
  @IsIn(['low', 'medium', 'high'], { message: "cookie.priority: one of 'low', 'medium' and 'high'." })
  priority?: string;
}

class RememberShape {
  @IsOptional() @IsDuration('remember.') lifetime?: Duration;
  @IsOptional() @IsDuration('remember.') idle?: Duration;
}

class ReloginShape {
  @IsOptional() @IsDuration('relogin.') within?: Duration;

  @IsOptional() @Checked(urlComplaint) url?: string;
}

class CrossOriginShape {
  @IsArray({ message: "crossOrigin.allow: a list of origins such as 'https://app.example.com'." })
  @ArrayNotEmpty({ message: "crossOrigin.allow: name at least one origin, or set crossOrigin: 'block'." })
  @Checked((value) =>
    (value as unknown[]).every(
      (origin) => typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin,
    )
      ? undefined
      : "crossOrigin.allow: write each origin as a browser sends it: scheme, host and port, without a slash at the end ('https://app.example.com').",
  )
  allow?: string[];
}

class OptionsShape {
  @Checked(secretComplaint) secret!: unknown;

  @IsOptional()
  @Checked((value) =>
    ['load', 'create', 'commit', 'destroy', 'list', 'markRevoked'].every(
      (name) => typeof (value as Record<string, unknown>)[name] === 'function',
    ) || typeof (value as Record<string, unknown>)['createBackend'] === 'function'
      ? undefined
      : 'store: give a MemoryStore, RedisStore, PostgresStore, SealedCookie or an object that implements SessionStore. A store of express-session does not fit.',
  )
  store?: unknown;

  @IsOptional() @IsDuration() lifetime?: Duration;
  @IsOptional() @IsDuration() idle?: Duration;
  @IsOptional() @IsDuration() rollEvery?: Duration;
  @ValidateIf((options: OptionsShape) => options.rotateEvery !== undefined && options.rotateEvery !== false)
  @IsDuration()
  rotateEvery?: Duration | false;
  @IsOptional() @IsDuration() rotateGrace?: Duration;
  @IsOptional() @IsDuration() storeTimeout?: Duration;
  @IsOptional() @IsNested(() => RememberShape) remember?: object;
  @IsOptional() @IsNested(() => ReloginShape) relogin?: object;
  @IsOptional() @IsNested(() => CookieShape) cookie?: object;

  @IsOptional()
  @Checked((value) =>
    typeof value === 'function' || (typeof value === 'object' && value !== null && '~standard' in value)
      ? undefined
      : 'data: give a class with class-validator decorators, or a Standard Schema.',
  )
  data?: unknown;

  @IsOptional()
  @Checked((value) =>
    typeof value === 'function' || (Number.isSafeInteger(value) && (value as number) > 0)
      ? undefined
      : 'maxSessions: a positive whole number, or a function of the subject that returns one.',
  )
  maxSessions?: unknown;

  @IsOptional()
  @IsIn(['evict-oldest', 'reject'], { message: "onExceeded: 'evict-oldest' or 'reject'." })
  onExceeded?: string;
  @IsOptional() @IsBoolean({ message: 'discloseEviction: true or false.' }) discloseEviction?: boolean;

  @IsOptional()
  @Checked((value) =>
    typeof value === 'function' || ['off', 'basic', 'strong'].includes(value as string)
      ? undefined
      : "protection: 'off', 'basic', 'strong' or a function of the two devices.",
  )
  protection?: unknown;

  @IsOptional()
  @Checked((value, name) => {
    if (value === 'block' || value === 'allow') return undefined;
    if (typeof value !== 'object' || value === null)
      return "crossOrigin: 'block', 'allow' or { allow: ['https://app.example.com'] }.";
    return complaints(CrossOriginShape, value, `${name}.`).join(' ') || undefined;
  })
  crossOrigin?: unknown;

  @IsOptional()
  @IsArray({ message: "exclude: a list of paths such as ['/health', '/assets/*path']." })
  exclude?: unknown[];
  @IsOptional() @IsBoolean({ message: 'context: true or false.' }) context?: boolean;

  @IsOptional()
  @Checked((value) =>
    typeof value === 'function'
      ? undefined
      : 'renderFailure: a function of the failure that returns { contentType, body }.',
  )
  renderFailure?: unknown;

  @IsOptional()
  @Checked((value) =>
    typeof (value as { now?: unknown }).now === 'function'
      ? undefined
      : 'clock: an object with now(), in milliseconds since the epoch.',
  )
  clock?: unknown;
}

/** @throws SessionError `ERR_OPTIONS` that names everything that is wrong, each with its remedy */
export function checkOptions(options: unknown): void {
  const found = complaints(OptionsShape, typeof options === 'object' && options !== null ? options : {}, '');
  if (found.length > 0) throw new SessionError('ERR_OPTIONS', `SessionModule: ${found.join(' ')}`);
}

function complaints(shape: new () => object, value: object, path: string): string[] {
  const instance = Object.assign(new shape(), value);
  const errors = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true });
  return errors.map((error) => messageOf(error, shape, path));
}

function messageOf(error: ValidationError, shape: new () => object, path: string): string {
  const { whitelistValidation, ...others } = error.constraints ?? {};
  if (whitelistValidation === undefined) return Object.values(others).join(' ');
  const names = namesOf(shape);
  const nearest = names
    .map((name) => ({ name, far: distance(name.toLowerCase(), error.property.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)[0];
  const hint =
    nearest && nearest.far <= Math.max(2, error.property.length / 3)
      ? `Did you mean "${path}${nearest.name}"?`
      : `Known are: ${names.join(', ')}.`;
  return `${path}${error.property}: there is no such option. ${hint}`;
}

const namesOf = (shape: new () => object): string[] => [
  ...new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(shape, '', false, false)
      .map((one) => one.propertyName),
  ),
];
