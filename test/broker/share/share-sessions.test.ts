import { describe, expect, test } from "bun:test";
import {
  epochAfter,
  type ShareSession,
  type ShareSessionRequest,
  ShareSessions,
} from "../../../src/broker/share/share-sessions.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { TestConnection } from "./test-connection.ts";

const LIMIT = 3;

function open() {
  const clock = new FakeClock();
  const left: string[] = [];
  const emptied: string[] = [];
  const sessions = new ShareSessions({
    clock,
    sessionsMax: LIMIT,
    memberLeft: ({ groupId, memberId }) => left.push(`${groupId}/${memberId}`),
    groupLeft: (groupId) => emptied.push(groupId),
  });
  return { clock, left, emptied, sessions };
}

function asks(changes: Partial<ShareSessionRequest> = {}): ShareSessionRequest {
  return {
    groupId: "g",
    memberId: "m",
    epoch: 0,
    partitions: [],
    forgotten: [],
    hasAcknowledgements: false,
    ...changes,
  };
}

const name = (partition: number) => ({ topicId: "t", partition, topic: "t" });
const indexes = (session: ShareSession | null) =>
  session?.partitions().map(({ partition }) => partition);

describe("a session", () => {
  test("remembers its partitions, and which were asked for anew", () => {
    const { sessions } = open();
    const connection = new TestConnection(1);
    sessions.resolve(asks({ partitions: [name(0), name(1), name(2)] }), connection);
    sessions.resolve(asks({ epoch: 1, partitions: [name(1), name(3)] }), connection);
    const session = sessions.find("g", "m");
    expect(indexes(session)).toEqual([0, 1, 2, 3]);
    expect(session?.partitions().map(({ mustTell }) => mustTell)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    sessions.resolve(asks({ epoch: 2, forgotten: [name(0), name(9)] }), connection);
    session?.moveToEnd(name(1));
    expect(indexes(session)).toEqual([2, 3, 1]);
    expect(session?.epoch).toBe(3);
  });

  test("is refused by other epochs, and unknown to other members", () => {
    const { sessions } = open();
    const connection = new TestConnection(1);
    const codeOf = (request: ShareSessionRequest) => {
      const found = sessions.resolve(request, connection);
      return found.kind === "error" ? found.errorCode : ErrorCode.NONE;
    };
    expect(codeOf(asks({ epoch: 1 }))).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(codeOf(asks({ epoch: -1 }))).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(codeOf(asks({ hasAcknowledgements: true }))).toBe(ErrorCode.INVALID_REQUEST);
    const twice = [name(0), name(0)];
    expect(codeOf(asks({ partitions: twice }))).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(codeOf(asks())).toBe(ErrorCode.NONE);
    for (const epoch of [2, 0x7fff_ffff, -2]) {
      expect(codeOf(asks({ epoch }))).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    }
    expect(codeOf(asks({ epoch: 1, groupId: "h" }))).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(sessions.acknowledged("g", "m", 0)).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    expect(sessions.acknowledged("g", "m", 1)).toBe(ErrorCode.NONE);
    expect(sessions.acknowledged("g", "m", 1)).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    expect(sessions.acknowledged("g", "n", 1)).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    expect(codeOf(asks({ epoch: -1 }))).toBe(ErrorCode.NONE);
  });

  test("counts its epochs round and round", () => {
    expect([0, 1, 0x7fff_fffe, 0x7fff_ffff, -1].map(epochAfter)).toEqual([
      1, 2, 0x7fff_ffff, 1, -1,
    ]);
  });

  test("takes the place of one that its member had, and finds no room among too many", () => {
    const { sessions } = open();
    const connection = new TestConnection(1);
    for (let round = 0; round < LIMIT + 2; round++) sessions.resolve(asks(), connection);
    expect(sessions.size).toBe(1);
    for (const memberId of ["n", "o"]) sessions.resolve(asks({ memberId }), connection);
    const refused = sessions.resolve(asks({ memberId: "p" }), connection);
    expect(refused).toEqual({ kind: "error", errorCode: ErrorCode.SHARE_SESSION_LIMIT_REACHED });
    expect(sessions.size).toBe(LIMIT);
  });
});

describe("the end of a connection", () => {
  test("ends its sessions, and the last of a group is told", () => {
    const { sessions, clock, left, emptied } = open();
    const [first, second] = [new TestConnection(1), new TestConnection(2)];
    sessions.resolve(asks(), first);
    sessions.resolve(asks({ memberId: "n" }), second);
    sessions.resolve(asks({ groupId: "h" }), second);
    first.close();
    expect(left).toEqual([]);
    clock.settle();
    expect([left, emptied]).toEqual([["g/m"], []]);
    second.close();
    clock.settle();
    expect(left).toEqual(["g/m", "g/n", "h/m"]);
    expect(emptied).toEqual(["g", "h"]);
    expect(sessions.size).toBe(0);
    expect(first.closing.waitCount + second.closing.waitCount).toBe(0);
  });

  test("leaves one alone that its member has opened elsewhere", () => {
    const { sessions, clock, left, emptied } = open();
    const [first, second] = [new TestConnection(1), new TestConnection(2)];
    sessions.resolve(asks(), first);
    sessions.resolve(asks(), second);
    first.close();
    clock.settle();
    expect([left, emptied, sessions.size]).toEqual([[], [], 1]);
  });

  test("tells of a group whose members have closed their sessions before", () => {
    const { sessions, clock, left, emptied } = open();
    const connection = new TestConnection(1);
    sessions.resolve(asks(), connection);
    sessions.remove(sessions.find("g", "m")!);
    expect(emptied).toEqual([]);
    connection.close();
    clock.settle();
    expect([left, emptied]).toEqual([[], ["g"]]);
  });

  test("finds no more than the sessions that are open, however many were", () => {
    const { sessions, emptied } = open();
    const connection = new TestConnection(1);
    for (let round = 0; round < 1000; round++) {
      sessions.resolve(asks({ groupId: `g${round}` }), connection);
      sessions.remove(sessions.find(`g${round}`, "m")!);
    }
    // Of each but the last it was seen when the next took its place.
    expect(emptied.length).toBe(999);
    expect(connection.closing.waitCount).toBe(1);
  });
});
