/** Ids of members of share groups, which are as long as a uuid that people can read. */
const LENGTH_MAX = 36;

export function isMemberIdValid(memberId: string | null): boolean {
  return memberId !== null && memberId !== "" && memberId.length <= LENGTH_MAX;
}
