/**
 * Appends of one turn of the event loop that are written together, a write for each partition.
 *
 *   append, append, append --- end of the turn, or enough ---> one write each ---> committed
 *                                                    `- much? a thread writes, and the loop goes on
 *   append, append ... gathered meanwhile, and written when the thread is done
 *
 * Until then the records have their offsets but lie where they came from, nobody may read them,
 * and no answer about them may leave: it waits for its round. Whoever gives the memory back that
 * they lie in, or answers sooner, calls `write` before.
 *
 * Invariants: one round at a time is under way, all before it are written, and the next is
 * gathered; the high watermark, and what counts for it, moves when a round is over.
 */
import type { Clock, Disk, LaterWrites } from "../base/world.ts";
import type { HandedWrite } from "../log/gathered-write.ts";

/** A partition. */
interface Gathering {
  writeGathered(): void;
  handGathered(): HandedWrite | null;
  settleHanded(): void;
}

/** Larger writes are hardly cheaper, and those who wait have waited long enough. */
const BYTES_MAX = 256 * 1024;
/** So many may wait for a thread that is not done. */
const WAITING_BYTES_MAX = 4 * BYTES_MAX;
/** The system takes no more parts than 1,024 for one write. */
const APPENDS_MAX = 512;
/**
 * A thread is worth it where the loop has other appends meanwhile. One client that waits for its
 * answers has none, and only loses by it (1 partition, 5 requests under way: a fifth). So after
 * some rounds with nothing beside them the loop writes by itself for a while, a tenth of a second
 * or so, and then tries again.
 */
const LONELY_ROUNDS_MAX = 16;
const OWN_ROUNDS = 1024;

export class GatheredAppends {
  readonly #clock: Clock;
  readonly #disk: Disk;
  #gathered = new Round();
  #underWay: UnderWay | null = null;
  #isScheduled = false;
  #lonelyRounds = 0;
  #ownRounds = 0;

  constructor(clock: Clock, disk: Disk) {
    this.#clock = clock;
    this.#disk = disk;
  }

  /** Nothing waits to be written. */
  get isIdle(): boolean {
    return this.#gathered.appends === 0 && this.#underWay === null;
  }

  /** When it is over, all appended so far is written. */
  get round(): Round {
    if (this.#gathered.appends > 0) return this.#gathered;
    return this.#underWay?.round ?? OVER;
  }

  /** `isFirst`: of the partition, since the last write. */
  add(partition: Gathering, isFirst: boolean, size: number): void {
    const round = this.#gathered;
    if (isFirst) round.partitions.push(partition);
    round.bytes += size;
    round.appends++;
    if (round.bytes >= BYTES_MAX || round.appends >= APPENDS_MAX) this.#haveEnough();
    else this.#schedule();
  }

  /** All is written afterwards, and nothing under way. */
  write(): void {
    this.#endLater(this.#settle());
    this.#writeNow();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.afterTurn(() => {
      this.#isScheduled = false;
      if (this.#underWay?.writes.isDone === false) return;
      const over = this.#settle();
      if (this.#gathered.appends > 0 && !this.#begin()) this.#writeNow();
      over?.end();
    });
  }

  #haveEnough(): void {
    if (this.#underWay?.writes.isDone === false) {
      const { bytes, appends } = this.#gathered;
      if (bytes < WAITING_BYTES_MAX && appends < APPENDS_MAX) return;
    }
    this.#endLater(this.#settle());
    if (!this.#begin()) this.#writeNow();
  }

  /** Before anybody is answered, so that the thread need not wait. */
  #written(round: Round): void {
    if (this.#underWay?.round !== round) return;
    this.#settle();
    if (this.#gathered.appends === 0) this.#wasLonely();
    // For less, all of this turn may come yet.
    else if (!this.#begin()) this.#schedule();
    round.end();
  }

  /** False where no thread takes what is gathered. */
  #begin(): boolean {
    if (!this.#disk.writesLater(this.#gathered.bytes)) return false;
    if (this.#ownRounds > 0) {
      this.#ownRounds--;
      return false;
    }
    const round = this.#take();
    const handed = round.partitions.flatMap((partition) => partition.handGathered() ?? []);
    if (handed.length === 0) {
      this.#endLater(round);
      return true;
    }
    const writes = this.#disk.writeLater(handed, () => this.#written(round));
    handed.forEach((write, index) => write.begun(writes, index));
    this.#underWay = { round, writes };
    return true;
  }

  #wasLonely(): void {
    if (++this.#lonelyRounds < LONELY_ROUNDS_MAX) return;
    this.#lonelyRounds = 0;
    this.#ownRounds = OWN_ROUNDS;
  }

  #writeNow(): void {
    if (this.#gathered.appends === 0) return;
    const round = this.#take();
    for (const partition of round.partitions) partition.writeGathered();
    this.#endLater(round);
  }

  #take(): Round {
    const round = this.#gathered;
    this.#gathered = new Round();
    return round;
  }

  #settle(): Round | null {
    if (this.#underWay === null) return null;
    if (this.#gathered.appends > 0) this.#lonelyRounds = 0;
    const { round } = this.#underWay;
    this.#underWay = null;
    for (const partition of round.partitions) partition.settleHanded();
    return round;
  }

  /** Whoever waits may be in the middle of something. */
  #endLater(round: Round | null): void {
    if (round === null) return;
    round.isOver = true;
    if (round.isAwaited) this.#clock.afterTurn(() => round.end());
  }
}

interface UnderWay {
  readonly round: Round;
  readonly writes: LaterWrites;
}

/** Appends that are written together, and who waits for that. */
export class Round {
  readonly partitions: Gathering[] = [];
  bytes = 0;
  appends = 0;
  isOver = false;
  #waiting: (() => void)[] = [];

  /** Calls back in a later turn; not when it is over already. */
  whenOver(callback: () => void): void {
    this.#waiting.push(callback);
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** For `GatheredAppends`. */
  end(): void {
    this.isOver = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }
}

const OVER = new Round();
OVER.end();
