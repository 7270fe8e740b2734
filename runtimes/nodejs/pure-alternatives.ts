/** Well-known packages with a native addon, and what does the same in JavaScript alone. */

/** By package name. */
export const PURE_ALTERNATIVES: ReadonlyMap<string, string> = new Map([
  ['@napi-rs/canvas', 'pureimage'],
  ['@node-rs/argon2', '@noble/hashes'],
  ['@node-rs/bcrypt', 'bcryptjs'],
  ['argon2', '@noble/hashes'],
  ['bcrypt', 'bcryptjs'],
  ['better-sqlite3', 'a database server, e.g. by pg or mysql2'],
  ['canvas', 'pureimage'],
  ['classic-level', 'memory-level'],
  ['grpc', '@grpc/grpc-js'],
  ['hiredis', 'redis'],
  ['iconv', 'iconv-lite'],
  ['leveldown', 'memory-level'],
  ['libxmljs', '@xmldom/xmldom'],
  ['libxmljs2', '@xmldom/xmldom'],
  ['lz4', 'lz4js'],
  ['node-rdkafka', 'kafkajs'],
  ['node-sass', 'sass'],
  ['pg-native', 'pg without native'],
  ['re2', 're2js'],
  ['sharp', 'jimp'],
  ['snappy', 'snappyjs'],
  ['sodium-native', 'sodium-javascript'],
  ['sqlite3', 'a database server, e.g. by pg or mysql2'],
  ['xxhash', 'xxhashjs'],
]);
