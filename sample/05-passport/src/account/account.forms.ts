import { IsEmail, IsString, MaxLength } from 'class-validator';

export class EmailForm {
  @IsEmail({}, { message: 'Write an address like name@example.com.' })
  @MaxLength(254)
  email!: string;
}

export class ReloginForm {
  /** Cut off long before a huge text could keep the hashing busy. */
  @IsString() @MaxLength(200) password!: string;
}
