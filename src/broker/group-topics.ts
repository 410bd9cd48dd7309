/** Topics as the group coordinator asks for them: always as the newest metadata has them. */
import type { TopicDirectory } from "../coordinator/group/topic-directory.ts";
import type { MetadataImage } from "../metadata/image.ts";

export function groupTopics(image: () => MetadataImage, version: () => number): TopicDirectory {
  return {
    nameOf: (id) => image().topics.byId(id)?.name ?? null,
    idOf: (name) => image().topics.byName(name)?.id ?? null,
    hasPartition: (name, index) => image().topics.byName(name)?.partitions[index] !== undefined,
    partitionCountOf: (name) => image().topics.byName(name)?.partitions.length ?? null,
    racksOf: (name, index) => {
      const { topics, cluster } = image();
      const replicas = topics.byName(name)?.partitions[index]?.replicas ?? [];
      return replicas.map((id) => cluster.broker(id)?.rack ?? null).filter((rack) => rack !== null);
    },
    names: () => namesOf(image()),
    version,
  };
}

function* namesOf({ topics }: MetadataImage): Iterable<string> {
  for (const { name } of topics.values()) yield name;
}
