/** `internalBinding('http_parser')`: ../http-parser.ts, connected with the rest of the guest. */
import { AsyncWrap, enterContext, leaveContext } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { takeError } from '../callback-scope.ts';
import { host } from '../host.ts';
import { createHttpParserBinding } from '../http-parser.ts';
import { lazily } from './util.ts';

type BufferConstructor = new (memory: ArrayBufferLike, offset: number, length: number) => Uint8Array;

let FastBuffer: BufferConstructor | undefined;

export const createHttpParser = (): Binding =>
  createHttpParserBinding(host, {
    AsyncWrap: AsyncWrap as unknown as new () => object,
    asyncReset: (parser, resource, provider) => (parser as AsyncWrap).asyncReset(provider, resource),
    asyncDestroy: (parser) => (parser as AsyncWrap).asyncDestroy(),
    enter: (parser) => enterContext(parser as AsyncWrap),
    leave: (_parser, hasThrown) => leaveContext(hasThrown),
    takeError,
    newBuffer: (memory, offset, length) => {
      FastBuffer ??= lazily.requireLibrary!('internal/buffer')['FastBuffer'] as BufferConstructor;
      return new FastBuffer(memory, offset, length);
    },
  });
