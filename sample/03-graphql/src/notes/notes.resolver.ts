import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Public, Session } from 'nest-sessions';
import { NoteArgs } from './note.args.js';
import { withNote } from './notes.js';

/** For everybody: the first note of a visitor is what makes their session exist. */
@Public()
@Resolver()
export class NotesResolver {
  @Query(() => [String])
  notes(@Session() session: Session): string[] {
    return session.data.notes ?? [];
  }

  /** By `update()`: of two notes that are added at the same time both count, also within one request. */
  @Mutation(() => [String])
  async addNote(@Session() session: Session, @Args() { text }: NoteArgs): Promise<string[]> {
    await session.update('notes', (notes) => withNote(notes, text));
    return session.data.notes ?? [];
  }
}
