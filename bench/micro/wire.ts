/** From bytes to requests, and from answers to bytes. */
import { Histogram } from "../../src/base/histogram.ts";
import { realClock } from "../../src/base/real-clock.ts";
import { decoderOf, encode, encoderOf } from "../../src/protocol/compile.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { Writer } from "../../src/protocol/writer.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import { FrameBuffer } from "../../src/protocol/frames/frame-buffer.ts";
import { RequestMemory } from "../../src/server/request-memory.ts";
import type { Stage } from "./measuring.ts";
import {
  fetchRequest,
  fetchResponse,
  produceFrame,
  produceRequest,
  sampleBatch,
  TOPIC,
} from "./samples.ts";

const KIB = 1024;
const FRAME_SIZE_MAX = 100 << 20;

export function wireStages(): Stage[] {
  return [
    ...[1, 16].map((count) => framesStage(count)),
    straddlingStage(),
    ...[1, 100].flatMap((partitions) => codecStages(partitions)),
    histogramStage(),
  ];
}

/** A chunk that has whole frames in it. */
function framesStage(count: number): Stage {
  const frame = produceFrame(9, 1, sampleBatch(KIB, 100));
  const chunk = Buffer.concat(Array.from({ length: count }, () => frame));
  const frames = frameBuffer();
  return {
    name: `frame: a chunk of ${count} x 1 KiB`,
    bytes: chunk.length,
    work() {
      frames.push(chunk);
      for (let next = frames.next(); next !== null; next = frames.next()) next.release();
    },
  };
}

/** A frame that comes in two chunks. */
function straddlingStage(): Stage {
  const frame = produceFrame(9, 1, sampleBatch(16 * KIB, KIB));
  const [left, right] = [frame.subarray(0, 8 * KIB), frame.subarray(8 * KIB)];
  const frames = frameBuffer();
  return {
    name: "frame: 16 KiB in two chunks",
    bytes: frame.length,
    work() {
      frames.push(left);
      if (frames.next() !== null) throw new Error("half a frame is none");
      frames.push(right);
      frames.next()!.release();
    },
  };
}

function frameBuffer(): FrameBuffer {
  const limits = { queuedMaxRequestBytes: Infinity, queuedMaxRequests: 500 };
  return new FrameBuffer(new RequestMemory(realClock(), limits), new BufferPool(), FRAME_SIZE_MAX);
}

function codecStages(partitions: number): Stage[] {
  const of = `${partitions} ${partitions === 1 ? "partition" : "partitions"}`;
  const produceBytes = encode(
    produce.request,
    9,
    produceRequest(partitions, sampleBatch(KIB, 100)),
  );
  const fetchBytes = encode(fetch.request, 12, fetchRequest(partitions, KIB * KIB));
  const decodeProduce = decoderOf(produce.request, 9);
  const decodeFetch = decoderOf(fetch.request, 12);
  const encodeProduced = encoderOf(produce.response, 9);
  const encodeFetched = encoderOf(fetch.response, 12);
  const produced = {
    responses: [
      {
        name: TOPIC,
        partitionResponses: Array.from({ length: partitions }, (_, index) => ({
          index,
          errorCode: 0,
          baseOffset: 1_000_000,
          logAppendTimeMs: -1,
          logStartOffset: 0,
        })),
      },
    ],
    throttleTimeMs: 0,
  };
  const fetched = fetchResponse(partitions, 200);
  return [
    { name: `decode: Produce v9, ${of}`, work: () => decodeProduce(new Reader(produceBytes)) },
    { name: `decode: Fetch v12, ${of}`, work: () => decodeFetch(new Reader(fetchBytes)) },
    {
      name: `encode: Produce v9, ${of}`,
      work() {
        const writer = new Writer();
        encodeProduced(writer, produced);
        return writer.parts();
      },
    },
    {
      name: `encode: Fetch v12, ${of}`,
      work() {
        const writer = new Writer();
        encodeFetched(writer, fetched);
        return writer.parts();
      },
    },
  ];
}

function histogramStage(): Stage {
  const histogram = new Histogram();
  let value = 1;
  return {
    name: "histogram: one value",
    work() {
      value = (value * 48_271) % 2_147_483_647;
      histogram.record(value & 0xffff);
    },
  };
}
