import { Field, ID, ObjectType } from '@nestjs/graphql';

/** Who is logged in. Two more fields, which tell of the session, are in MeResolver. */
@ObjectType()
export class Me {
  @Field(() => ID) id!: string;
  @Field(() => String) name!: string;
  @Field(() => String) email!: string;
}
