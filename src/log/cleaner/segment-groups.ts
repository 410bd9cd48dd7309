/** Which segments become one: neighbours, as long as they would fit if nothing went. */
import type { Disk } from "../../base/world.ts";
import { INDEX_SUFFIX, segmentFileName, TIME_INDEX_SUFFIX } from "../log-names.ts";
import type { PassBegin, PassPlan } from "./pass-messages.ts";

/** Offsets of a segment are within so many of its base. */
const OFFSETS_MAX = 0x7fff_ffff;

/** How many are in each group, in order. */
export function groupSegments(disk: Disk, begin: PassBegin, plan: PassPlan): number[] {
  const { segments, segmentBytes, segmentIndexBytes } = plan;
  const sizeOf = (baseOffset: number, kind: string): number => {
    const path = `${begin.directory}/${segmentFileName(baseOffset, kind)}`;
    return disk.status(path)?.size ?? 0;
  };
  const sizes: number[] = [];
  for (let index = 0; index < segments.length;) {
    const groupBase = segments[index]!.baseOffset;
    let [size, indexSize, timeIndexSize] = [0, 0, 0];
    let count = 0;
    for (; index < segments.length; index++) {
      const segment = segments[index]!;
      size += segment.size;
      indexSize += sizeOf(segment.baseOffset, INDEX_SUFFIX);
      timeIndexSize += sizeOf(segment.baseOffset, TIME_INDEX_SUFFIX);
      // The last offset is not known without reading, but it is before the next segment.
      const lastOffsetMax = (segments[index + 1]?.baseOffset ?? begin.endOffset) - 1;
      const isNear = segment.size === 0 || lastOffsetMax - groupBase <= OFFSETS_MAX;
      const fits =
        size <= segmentBytes &&
        indexSize <= segmentIndexBytes &&
        timeIndexSize <= segmentIndexBytes;
      if (count > 0 && !(fits && isNear)) break;
      count++;
    }
    sizes.push(count);
  }
  return sizes;
}
