import { IsEmail, MaxLength } from 'class-validator';

export class EmailForm {
  @IsEmail({}, { message: 'Write an address like name@example.com.' })
  @MaxLength(254, { message: 'No address is longer than 254 characters.' })
  email!: string;
}
