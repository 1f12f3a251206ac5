import { Injectable } from '@nestjs/common';
import { maxLength } from 'class-validator';
import { UsersService, type User } from '../users/users.service.js';

@Injectable()
export class AuthService {
  constructor(private readonly users: UsersService) {}

  /** Null if the credentials are wrong. Guards run before pipes, so what a client sent is checked here. */
  async validateUser(username: unknown, password: unknown): Promise<User | null> {
    if (!isText(username, 100) || !isText(password, 200)) return null;
    return (await this.users.verify(username, password)) ?? null;
  }
}

const isText = (value: unknown, most: number): value is string => maxLength(value, most);
