/** Collectors and the like: what was posted, and what they answer. */
import { type Http, NetworkError } from "../../src/base/world.ts";

export interface Posted {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export class FakeHttp implements Http {
  readonly posted: Posted[] = [];
  /** Of every answer; 0 for none. */
  status = 200;
  /** Nobody answers until this is resolved. */
  hold: Promise<void> | null = null;

  async post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
  ): Promise<number> {
    this.posted.push({ url, headers, body: Buffer.from(body) });
    await this.hold;
    if (this.status === 0) throw new NetworkError("EHTTP", "refused");
    return this.status;
  }
}
