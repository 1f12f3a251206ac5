import { IsString, Length } from 'class-validator';

export class SayMessage {
  @IsString()
  @Length(1, 200, { message: 'A message has 1 to 200 characters.' })
  text!: string;
}
