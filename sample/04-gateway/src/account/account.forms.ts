import { IsString, MaxLength } from 'class-validator';

export class LoginForm {
  @IsString() @MaxLength(100) login!: string;

  /** Cut off long before a huge text could keep the hashing busy. */
  @IsString() @MaxLength(200) password!: string;
}

export class ReloginForm {
  @IsString() @MaxLength(200) password!: string;
}

export class DeviceForm {
  @IsString() @MaxLength(100) id!: string;
}
