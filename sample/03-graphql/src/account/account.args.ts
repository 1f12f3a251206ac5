import { ArgsType, Field, ID } from '@nestjs/graphql';
import { IsEmail, IsString, MaxLength } from 'class-validator';

@ArgsType()
export class LoginArgs {
  @Field(() => String) @IsString() @MaxLength(100) login!: string;

  /** Cut off long before a huge text could keep the hashing busy. */
  @Field(() => String) @IsString() @MaxLength(200) password!: string;
}

@ArgsType()
export class ReloginArgs {
  @Field(() => String) @IsString() @MaxLength(200) password!: string;
}

@ArgsType()
export class EmailArgs {
  @Field(() => String)
  @IsEmail({}, { message: 'Write an address like name@example.com.' })
  @MaxLength(254)
  email!: string;
}

@ArgsType()
export class DeviceArgs {
  @Field(() => ID) @IsString() @MaxLength(100) id!: string;
}
