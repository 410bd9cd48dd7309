import { describe, expect, test } from "bun:test";
import { answerOfController, RefusedError } from "../../src/api/forwarding.ts";
import { RequestContext } from "../../src/api/handler.ts";
import type { Request } from "../../src/api/request.ts";
import { Signal } from "../../src/base/signal.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { type Refusal, refusal } from "../../src/metadata/controller/command.ts";
import { NotControllerError, TooManyRecordsError } from "../../src/metadata/metadata-errors.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { alterClientQuotas } from "../../src/protocol/messages/49-alter-client-quotas.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { Input, ListenerKind } from "../../src/protocol/schema.ts";
import { type RemoteController, remoteController } from "../broker/remote-controller.ts";

describe("a client's request on a broker without the controller", () => {
  test("is answered by the controller, in the version that the client speaks", () => {
    const far = remoteController();
    for (const version of [2, 5, 7]) {
      const { topics } = far.wait(forward(far, createTopicNamed(`topic-${version}`), { version }));
      expect(topics[0]).toMatchObject({ name: `topic-${version}`, errorCode: ErrorCode.NONE });
      expect((topics[0]?.configs?.length ?? 0) > 0).toBe(version >= 5);
    }
    const again = far.wait(forward(far, createTopicNamed("topic-7")));
    expect(again.topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  });

  test("is throttled as its client and user may, not as the broker", () => {
    const far = remoteController();
    const entity = [{ entityType: "client-id", entityName: "busy" }];
    const ops = [{ key: "controller_mutation_rate", value: 1, remove: false }];
    const request = { entries: [{ entity, ops }], validateOnly: false };
    const [context, broker] = [contextOf("broker", 1), brokerOf(far)];
    const asked = { api: alterClientQuotas, request, context, broker };
    const failed = { entries: [{ errorCode: -1, errorMessage: null, entity: [] }] };
    const limited = far.wait(answerOfController(asked, unasked, () => failed));
    expect(limited.entries[0]?.errorCode).toBe(ErrorCode.NONE);
    const throttleMs = ["busy", "other"].map((clientId) => {
      const caller = contextOf("broker", 5, clientId);
      far.wait(forward(far, createTopicNamed(`of-${clientId}`, 20), { context: caller }));
      return caller.throttleMs;
    });
    expect(throttleMs[0]).toBeGreaterThan(0);
    expect(throttleMs[1]).toBe(0);
  });

  test("is answered here where the controller has come here, and there when it has gone", () => {
    const far = remoteController();
    const { finder } = far;
    const { place } = finder;
    finder.moveTo({ id: 2, host: "10.0.0.2", port: 9093 }, true);
    const here = { topics: [] };
    expect(far.wait(forward(far, createTopicNamed("x"), { handle: () => here }))).toBe(here);
    const gone = () => {
      finder.moveTo(place);
      return Promise.reject<typeof here>(new NotControllerError("gone"));
    };
    const { topics } = far.wait(forward(far, createTopicNamed("x"), { handle: gone }));
    expect(topics[0]).toMatchObject({ name: "x", errorCode: ErrorCode.NONE });
  });

  test("is refused in words of its own: no time, no controller, what the handler refuses", () => {
    const far = remoteController();
    const { finder } = far;
    const late = far.wait(forward(far, { ...createTopicNamed("late"), timeoutMs: 0 }));
    expect(late.topics[0]?.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    finder.moveTo(null);
    const nobody = far.wait(forward(far, createTopicNamed("nobody")));
    expect(nobody.topics[0]).toMatchObject(refusal(ErrorCode.REQUEST_TIMED_OUT, null));
    finder.moveTo({ id: 2, host: "10.0.0.2", port: 9093 }, true);
    const failing = (error: Error) =>
      far.wait(forward(far, createTopicNamed("x"), { handle: () => Promise.reject(error) }));
    const tooMany = failing(new TooManyRecordsError("5 records"));
    expect(tooMany.topics[0]?.errorCode).toBe(ErrorCode.RECORD_LIST_TOO_LARGE);
    const refused = failing(new RefusedError(refusal(ErrorCode.POLICY_VIOLATION, "no")));
    expect(refused.topics[0]).toMatchObject(refusal(ErrorCode.POLICY_VIOLATION, "no"));
    expect(() => failing(new Error("a bug"))).toThrow("a bug");
  });

  test("closes the connection where the controller does not know its version", () => {
    const far = remoteController();
    const asked = {
      api: { ...createTopics, key: 999 },
      request: createTopicNamed("x"),
      context: contextOf("broker", 7),
      broker: brokerOf(far),
    };
    const answer = answerOfController(asked, unasked, refuseWith);
    expect(() => far.wait(answer)).toThrow(ProtocolError);
  });

  test("goes on to nobody from the controller listener", () => {
    const far = remoteController();
    const context = contextOf("controller", 7);
    const handle = () => Promise.reject<never>(new NotControllerError("not here"));
    const answer = far.wait(forward(far, createTopicNamed("x"), { context, handle }));
    expect(answer.topics[0]?.errorCode).toBe(ErrorCode.NOT_CONTROLLER);
  });
});

type CreateRequest = ReturnType<typeof createTopicNamed>;
type Answer = Omit<Input<typeof createTopics.response>, "throttleTimeMs">;

interface ForwardOptions {
  readonly version?: number;
  readonly context?: RequestContext;
  readonly handle?: () => Answer | Promise<Answer>;
}

function forward(
  far: RemoteController,
  request: CreateRequest,
  options: ForwardOptions = {},
): Promise<Answer> {
  const context = options.context ?? contextOf("broker", options.version ?? 7);
  return answerOfController(
    { api: createTopics, request, context, broker: brokerOf(far) },
    options.handle ?? unasked,
    refuseWith,
  );
}

function unasked(): never {
  throw new Error("the controller is elsewhere");
}

function refuseWith(refused: Refusal): Answer {
  return { topics: [{ name: "", ...refused }] };
}

function brokerOf({ channel }: RemoteController): Broker {
  return { controller: channel } as Broker;
}

function createTopicNamed(name: string, numPartitions = 1) {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  return { topics: [topic], timeoutMs: 10_000, validateOnly: false };
}

function contextOf(listener: ListenerKind, apiVersion: number, clientId = "tool"): RequestContext {
  const request: Request = {
    apiKey: createTopics.key,
    apiVersion,
    correlationId: 7,
    clientId,
    body: new Reader(Buffer.alloc(0)),
    connection: {
      id: 1,
      listenerName: "PLAINTEXT",
      remoteAddress: "10.0.0.77",
      remotePort: 40_000,
      clientSoftwareName: "",
      clientSoftwareVersion: "",
      isClosing: false,
      closing: new Signal(),
    },
    isFollowed: false,
    size: 0,
    receivedMs: 0,
    holdsBack: false,
    errorCounts: new Float64Array(192),
    variant: 0,
  };
  return new RequestContext(request, listener);
}
