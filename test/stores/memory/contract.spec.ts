import { MemoryStore } from 'nest-sessions';
import { describeSessionStore } from 'nest-sessions/testing';

describeSessionStore('MemoryStore', () => new MemoryStore(), { secondNode: false });
