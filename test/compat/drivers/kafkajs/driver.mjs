// kafkajs, under Bun and under Node: the shared scenarios as far as kafkajs can follow them.
import kafkajs from "kafkajs";
import SnappyCodec from "kafkajs-snappy";
import { compressFrame, decompressFrame } from "lz4-napi";
import { compress, decompress, init } from "@bokuweb/zstd-wasm";
import { runScenarios } from "../common/driver-kit.mjs";
import { adminScenarios } from "./admin.mjs";
import { dataScenarios } from "./data.mjs";
import { deathScenarios } from "./deaths.mjs";
import { groupScenarios } from "./groups.mjs";
import { transactionScenarios } from "./transactions.mjs";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

await init();
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(compress(encoder.buffer, 3)),
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

await runScenarios((bootstrap) => {
  const kafka = new Kafka({
    clientId: "compat",
    brokers: bootstrap.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 8 },
  });
  return {
    ...adminScenarios(kafka),
    ...dataScenarios(kafka),
    ...groupScenarios(kafka),
    ...transactionScenarios(kafka),
    // For clusters only, where somebody kills a node meanwhile.
    ...(process.argv.includes("leader-death") ? deathScenarios(kafka) : {}),
  };
});
