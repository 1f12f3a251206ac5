import { Field, GraphQLISODateTime, ID, ObjectType } from '@nestjs/graphql';
import type { SessionInfo } from 'nest-sessions';

/** Where the user is logged in. The id opens nothing, so it may be shown. */
@ObjectType()
export class Device {
  @Field(() => ID) id!: string;
  @Field(() => String) userAgent!: string;
  @Field(() => GraphQLISODateTime) lastSeenAt!: Date;
  @Field(() => Boolean, { description: 'Whether it is the one that asks.' }) current!: boolean;

  static of({ id, device, lastSeenAt, current }: SessionInfo): Device {
    return { id, userAgent: device.userAgent ?? 'unknown', lastSeenAt, current };
  }
}
