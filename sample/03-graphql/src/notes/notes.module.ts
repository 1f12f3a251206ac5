import { Module } from '@nestjs/common';
import { NotesResolver } from './notes.resolver.js';

@Module({ providers: [NotesResolver] })
export class NotesModule {}
