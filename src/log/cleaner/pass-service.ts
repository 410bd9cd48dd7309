/**
 * The work of a pass, in a thread or wherever it is called: reading, the offset map, new segments.
 * It touches no file that the log uses but for reading, and makes `.cleaned` files only.
 *
 * Invariant: at most one pass, and in it at most one new segment, at a time.
 */
import { assert } from "../../base/assert.ts";
import type { WorkerWorld } from "../../base/world.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { PassBegin, PassReply, PassRequest } from "./pass-messages.ts";
import { GroupCopy } from "./group-copy.ts";
import { MapBuilder } from "./map-builder.ts";
import { groupSegments } from "./segment-groups.ts";

interface Pass {
  readonly begin: PassBegin;
  readonly builder: MapBuilder;
  copy: GroupCopy | null;
}

export function openPassService(world: WorkerWorld): (request: PassRequest) => PassReply {
  const service = new PassService(world);
  return (request) => service.answer(request);
}

class PassService {
  readonly #world: WorkerWorld;
  #pass: Pass | null = null;

  constructor(world: WorkerWorld) {
    this.#world = world;
  }

  answer(request: PassRequest): PassReply {
    try {
      return this.#work(request);
    } catch (error) {
      if (error instanceof ProtocolError) return { kind: "damaged", message: error.message };
      throw error;
    }
  }

  #work(request: PassRequest): PassReply {
    const { disk } = this.#world;
    if (request.kind === "begin") {
      this.#end();
      this.#pass = { begin: request, builder: new MapBuilder(disk, request), copy: null };
      return { kind: "done" };
    }
    if (request.kind === "end") {
      this.#end();
      return { kind: "done" };
    }
    const pass = this.#pass;
    assert(pass !== null, "a pass has begun");
    switch (request.kind) {
      case "index":
        return pass.builder.step(request.bytesMax);
      case "plan":
        return { kind: "planned", groupSizes: groupSegments(disk, pass.begin, request) };
      case "rewrite":
        pass.copy = new GroupCopy(disk, pass.begin, pass.builder.map, pass.builder.copied, request);
        return { kind: "done" };
      case "copy": {
        assert(pass.copy !== null, "a group has begun");
        const reply = pass.copy.step(request.bytesMax);
        if (reply.kind === "copied" && reply.isComplete) pass.copy = null;
        return reply;
      }
    }
  }

  #end(): void {
    const copy = this.#pass?.copy ?? null;
    this.#pass = null;
    copy?.abandon();
  }
}
