import { IsOptional, IsString, MaxLength } from 'class-validator';

export class LoginForm {
  @IsString() @MaxLength(100) login!: string;

  /** Cut off long before a huge text could keep the hashing busy. */
  @IsString() @MaxLength(200) password!: string;

  /** A checkbox: a browser sends it only when it is ticked. */
  @IsOptional() @IsString() remember?: string;

  /** Where to go then. Comes from the address, so from anybody: see `safeNext()`. */
  @IsOptional() @IsString() next?: string;
}

export class ReloginForm {
  @IsString() @MaxLength(200) password!: string;
  @IsOptional() @IsString() next?: string;
}
