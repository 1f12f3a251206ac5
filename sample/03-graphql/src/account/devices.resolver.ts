import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Relogin, SessionService, Subject } from 'nest-sessions';
import { DeviceArgs } from './account.args.js';
import { Device } from './device.model.js';

@Resolver()
export class DevicesResolver {
  constructor(private readonly sessions: SessionService) {}

  @Query(() => [Device], { nullable: true })
  async devices(@Subject() subject: string): Promise<Device[]> {
    return (await this.sessions.list(subject)).map(Device.of);
  }

  /**
   * Says whether there was such a device. With `subject`: an id is no secret, so knowing somebody else's must not be
   * enough.
   */
  @Mutation(() => Boolean, { nullable: true })
  @Relogin()
  async revokeDevice(@Subject() subject: string, @Args() { id }: DeviceArgs): Promise<boolean> {
    return (await this.sessions.revoke(id, { subject })) > 0;
  }
}
