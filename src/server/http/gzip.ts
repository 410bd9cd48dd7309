/**
 * A gzip file in pieces: each is compressed when it comes, and can be sent.
 *
 *   head | piece | piece | ... | end of the last block | CRC-32 | size
 */
import { constants, crc32, deflateRawSync } from "node:zlib";

const HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** An empty block, the last one. */
const LAST_BLOCK = Buffer.from([3, 0]);
/** Text of metrics shrinks to a twentieth at the lowest level, too. */
const OPTIONS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH };

export class Gzip {
  #crc = 0;
  #size = 0;
  #isBegun = false;

  push(bytes: Buffer): Buffer {
    this.#crc = crc32(bytes, this.#crc);
    this.#size += bytes.length;
    const piece = deflateRawSync(bytes, OPTIONS);
    const isFirst = !this.#isBegun;
    this.#isBegun = true;
    return isFirst ? Buffer.concat([HEAD, piece]) : piece;
  }

  end(): Buffer {
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(this.#crc, 0);
    tail.writeUInt32LE(this.#size % 2 ** 32, 4);
    return Buffer.concat([this.#isBegun ? LAST_BLOCK : Buffer.concat([HEAD, LAST_BLOCK]), tail]);
  }
}
