import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";
const timeoutMs = 5000;

export const deleteTopicsScenario: Scenario = {
  name: "delete-topics",
  async run(asker) {
    for (const version of versionsOf(deleteTopics)) {
      const name = `t${version}`;
      await makeTopic(asker, name, 2);
      const named = (...names: string[]) =>
        version < 6
          ? { topicNames: names, timeoutMs }
          : { topics: names.map((each) => ({ name: each, topicId: ZERO_UUID })), timeoutMs };
      await asker.ask(deleteTopics, version, named(name));
      await asker.ask(deleteTopics, version, named(name), "gone");
      await asker.ask(
        deleteTopics,
        version,
        named("twice", "", "twice", "..", "__cluster_metadata"),
      );
      await asker.ask(deleteTopics, version, named());
    }
    await deleteById(asker);
    await makeTopic(asker, "late");
    const late = [{ name: "late", topicId: ZERO_UUID }];
    await asker.ask(deleteTopics, 6, { topics: late, timeoutMs: 0 }, "no time");
    const topics = ["t6", "a", "b", "late"].map((name) => ({ name }));
    await asker.ask(metadata, 12, { topics, allowAutoTopicCreation: false });
  },
};

async function deleteById(asker: Asker): Promise<void> {
  const a = await makeTopic(asker, "a");
  const b = await makeTopic(asker, "b");
  await makeTopic(asker, "c");
  const ask = (label: string, ...topics: { name: string | null; topicId: string }[]) =>
    asker.ask(deleteTopics, 6, { topics, timeoutMs }, label);
  await ask("nobody's id", { name: null, topicId: NOBODYS_ID });
  await ask("neither", { name: null, topicId: ZERO_UUID });
  await ask("both", { name: "a", topicId: a });
  await ask("twice", { name: null, topicId: a }, { name: null, topicId: a });
  await ask("by id and by name", { name: null, topicId: a }, { name: "a", topicId: ZERO_UUID });
  await ask("", { name: null, topicId: b }, { name: "c", topicId: ZERO_UUID });
  await ask("gone", { name: null, topicId: b });
  await ask("gone", { name: "c", topicId: ZERO_UUID });
}

export const deleteTopicsDisabledScenario: Scenario = {
  name: "delete-topics-disabled",
  settings: { "delete.topic.enable": "false" },
  async run(asker) {
    const id = await makeTopic(asker, "t");
    for (const version of versionsOf(deleteTopics)) {
      const request =
        version < 6
          ? { topicNames: ["t", "absent"], timeoutMs }
          : {
              topics: [
                { name: "t", topicId: ZERO_UUID },
                { name: null, topicId: id },
              ],
              timeoutMs,
            };
      await asker.ask(deleteTopics, version, request);
    }
  },
};
