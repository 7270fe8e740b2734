// Memory that is nobody's to give away, and decoders with options that are no booleans.
const { MessageChannel } = require('node:worker_threads');

const tell = (action) => {
  try {
    console.log(action());
  } catch (error) {
    console.log(error.name, error.code, error.message);
  }
};

const pooled = Buffer.from('pooled');
const { length } = pooled.buffer;
tell(() => pooled.buffer.transfer());
tell(() => pooled.buffer.transferToFixedLength(3));
tell(() => structuredClone(pooled.buffer, { transfer: [pooled.buffer] }));
tell(() => new MessageChannel().port1.postMessage(pooled, [pooled.buffer]));
tell(() => `${pooled} ${pooled.buffer.length === length}`);

const own = Buffer.alloc(5, 'abcde');
const moved = own.buffer.transfer(7);
tell(() => [Buffer.from(moved), own.length, moved.detached]);
tell(() => moved.transferToFixedLength().byteLength);
tell(() => [ArrayBuffer.prototype.transfer.name, ArrayBuffer.prototype.transfer.length]);

const mark = Buffer.from('\ufeffabc');
for (const ignoreBOM of [undefined, null, 0, 1, 'yes', true, false]) {
  tell(() => JSON.stringify(new TextDecoder('utf-8', { ignoreBOM }).decode(mark)));
}
tell(() => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from([0xff])));
tell(() => ' '.repeat(2 ** 30));

// What is too long is said as V8 says it, with the length.
const tooLong = (make) => {
  try {
    return make().length;
  } catch (error) {
    return [error.constructor.name, error.message, error instanceof RangeError].join(': ');
  }
};
class Numbers extends Uint16Array {}
const { MAX_STRING_LENGTH, MAX_LENGTH } = require('node:buffer').constants;
const half = 'x'.repeat(MAX_STRING_LENGTH / 2);
console.log(
  tooLong(() => new Uint8Array(-1)),
  tooLong(() => new Float64Array(2 ** 53)),
  tooLong(() => new Numbers(2 ** 52)),
  tooLong(() => new Uint8Array(MAX_LENGTH + 1)).includes(`: Invalid typed array length: ${MAX_LENGTH + 1}:`),
  tooLong(() => half + half) === MAX_STRING_LENGTH,
  tooLong(() => half + half + '1'),
  tooLong(() => ' '.repeat(MAX_STRING_LENGTH + 1)),
);
