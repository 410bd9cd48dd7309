/** What the APIs 83 to 87 have in common: a result for each partition of each topic of a group. */
import type { SharePartitionKey } from "../coordinator/share/persister.ts";

interface StateRequest<P> {
  readonly groupId: string;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly P[] }[];
}

/** A partition that is named twice is asked for twice; the last answer counts. */
export async function askEachPartition<P extends { readonly partition: number }, A extends object>(
  { groupId, topics }: StateRequest<P>,
  ask: (key: SharePartitionKey, partition: P) => Promise<A>,
) {
  const results = new Map<string, Map<number, Promise<A>>>();
  if (groupId === "") return { results: [] };
  for (const { topicId, partitions } of topics) {
    for (const each of partitions) {
      const { partition } = each;
      const answers = results.get(topicId) ?? new Map<number, Promise<A>>();
      results.set(topicId, answers);
      answers.set(partition, ask({ groupId, topicId, partition }, each));
    }
  }
  return {
    results: await Promise.all(
      [...results].map(async ([topicId, answers]) => ({
        topicId,
        partitions: await Promise.all(
          [...answers].map(async ([partition, answer]) => ({ partition, ...(await answer) })),
        ),
      })),
    ),
  };
}

/** A request in which a topic comes without partitions is answered with nothing at all. */
export function hasEmptyTopic({ topics }: StateRequest<unknown>): boolean {
  return topics.some(({ partitions }) => partitions.length === 0);
}
