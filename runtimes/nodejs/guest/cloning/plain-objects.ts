/** Which objects are nothing but their properties, and how V8 names the others. */
import { typeTests } from '../bindings/types.ts';
import { host } from '../host.ts';

/** Kinds of objects that are more than their properties and cannot be copied. */
const OPAQUE = [
  typeTests.isProxy,
  typeTests.isPromise,
  typeTests.isWeakMap,
  typeTests.isWeakSet,
  typeTests.isGeneratorObject,
  typeTests.isMapIterator,
  typeTests.isSetIterator,
  typeTests.isArgumentsObject,
];
const OTHERS = new Set([
  'WeakRef',
  'FinalizationRegistry',
  'Iterator Helper',
  'Array Iterator',
  'String Iterator',
]);

const ORDINARY = host.classOf({});

/** Made by `{}` or the like. */
export const isOrdinary = (object: object): boolean =>
  host.classOf(object) === ORDINARY && Object.getPrototypeOf(object) === Object.prototype;

export const isPlain = (object: object): boolean =>
  !OPAQUE.some((isOf) => isOf(object)) && !OTHERS.has(tagOf(object)) && !isIntl(object);

const tagOf = (object: object): string => Object.prototype.toString.call(object).slice(8, -1);

const isIntl = (object: object): boolean => tagOf(object).startsWith('Intl.');

/** Of the first constructor on the chain; '' where that is no plain property. */
const constructorName = (value: object): string => {
  for (let each: object | null = value; each !== null; each = Object.getPrototypeOf(each) as object | null) {
    const found = Object.getOwnPropertyDescriptor(each, 'constructor');
    if (found !== undefined)
      return typeof found.value === 'function' ? (found.value as { name: string }).name : '';
  }
  return '';
};

/** As V8 names a value in messages (Object::NoSideEffectsToString). */
export const describe = (value: unknown): string => {
  if (typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return Function.prototype.toString.call(value);
  if (typeTests.isProxy(value)) return '#<Object>';
  const name = constructorName(value as object);
  return name === '' ? `[object ${tagOf(value as object)}]` : `#<${name}>`;
};
