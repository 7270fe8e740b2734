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
