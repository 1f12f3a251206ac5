import { ArgsType, Field } from '@nestjs/graphql';
import { IsString, Length } from 'class-validator';

@ArgsType()
export class NoteArgs {
  @Field(() => String)
  @IsString()
  @Length(1, 100, { message: 'A note has 1 to 100 characters.' })
  text!: string;
}
