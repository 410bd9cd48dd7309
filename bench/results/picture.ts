/**
 * The picture for a README: for each row bars of throughput, CPU and p99, each as long as it is next
 * to the longest of its kind in that row. One file without anything outside of it; its colours follow
 * the reader's preference, on a ground of its own.
 */
import { FIGURES, type FigureName, figureText } from "./figures.ts";
import { medianOf, partNamesOf, type Results, type RowResults } from "./results.ts";

const WIDTH = 960;
const MARGIN = 24;
const NAME_WIDTH = 300;
const INDENT = 16;
/** Longer commands would leave the picture. */
const COMMAND_LENGTH_MAX = 150;
const PANEL_GAP = 20;
const BAR_HEIGHT = 11;
const ROW_GAP = 14;
const TOP = 84;
const VALUE_WIDTH = 64;
const COLOURS = ["ours", "theirs", "third"] as const;

/** The first of them that a row has. */
const PANELS: readonly { readonly title: string; readonly figures: readonly FigureName[] }[] = [
  { title: "throughput, more is better", figures: ["megabytesPerSecond", "perSecond"] },
  {
    title: "CPU (or memory), less is better",
    figures: ["cpuSecondsPerGigabyte", "percentOfCore", "cpuMs", "residentMegabytes"],
  },
  { title: "p99 (or time), less is better", figures: ["p99Ms", "milliseconds"] },
];

const STYLE = `
  .ground { fill: #ffffff; stroke: #d0d7de }
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .quiet { fill: #59636e; font-size: 11px }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round }
  .ours { fill: #0969da } .theirs { fill: #9aa4af } .third { fill: #bf8700 }
  .floor { stroke: #cf222e; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .value { stroke: #0d1117 }
    .ours { fill: #4493f8 } .theirs { fill: #656c76 } .third { fill: #d29922 }
    .floor { stroke: #f85149 }
  }`;

interface PictureRow {
  readonly name: string;
  readonly row: RowResults;
  readonly part: string;
}

export function pictureOf(results: Results): string {
  const rows = results.rows.flatMap(pictureRowsOf);
  const brokers = results.contenders.filter((name) => name !== "floor").slice(0, COLOURS.length);
  const rowHeight = brokers.length * (BAR_HEIGHT + 2) + ROW_GAP;
  const height = TOP + rows.length * rowHeight + 56;
  const panelWidth = (WIDTH - 2 * MARGIN - NAME_WIDTH) / PANELS.length - PANEL_GAP;
  const panelX = (panel: number) => MARGIN + NAME_WIDTH + panel * (panelWidth + PANEL_GAP);
  const parts: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" ` +
      `aria-label="${escape(titleOf(brokers))}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    text(MARGIN, 34, titleOf(brokers), "title"),
    ...legendOf(brokers, results.contenders.includes("floor")),
    ...PANELS.map(({ title }, panel) => text(panelX(panel), TOP - 10, title, "quiet")),
  ];
  rows.forEach((row, index) => {
    const y = TOP + index * rowHeight + 6;
    const middle = y + (brokers.length * (BAR_HEIGHT + 2)) / 2 + 4;
    parts.push(text(row.part === "" ? MARGIN : MARGIN + INDENT, middle, row.name));
    PANELS.forEach(({ figures }, panel) => {
      parts.push(...barsOf(row, figures, brokers, { x: panelX(panel), y, width: panelWidth }));
    });
  });
  parts.push(text(MARGIN, height - 30, footerOf(results), "quiet"));
  parts.push(text(MARGIN, height - 14, commandOf(results), "quiet"));
  return `${parts.join("\n")}\n</svg>\n`;
}

function pictureRowsOf(row: RowResults): PictureRow[] {
  return partNamesOf(row)
    .map((part) => ({ name: part === "" ? row.name : part, row, part }))
    .filter(({ part }) => {
      const names = Object.keys(row.passes);
      return PANELS.some(({ figures }) =>
        figures.some((figure) => names.some((name) => medianOf(row, part, name, figure) !== null)),
      );
    });
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

function barsOf(
  { row, part }: PictureRow,
  figures: readonly FigureName[],
  brokers: readonly string[],
  { x, y, width }: Place,
): string[] {
  const figure = figures.find((each) =>
    brokers.some((name) => medianOf(row, part, name, each) !== null),
  );
  if (figure === undefined) return [];
  const floor = medianOf(row, part, "floor", figure);
  const values = brokers.map((name) => medianOf(row, part, name, figure));
  const most = Math.max(floor ?? 0, ...values.map((value) => value ?? 0));
  const barWidth = width - VALUE_WIDTH;
  const lengthOf = (value: number) => (most === 0 ? 0 : (value / most) * barWidth);
  const parts: string[] = [];
  const texts: string[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const top = y + index * (BAR_HEIGHT + 2);
    const length = Math.max(1, lengthOf(value));
    parts.push(
      `<rect class="${COLOURS[index]}" x="${x}" y="${top}" width="${length.toFixed(1)}" ` +
        `height="${BAR_HEIGHT}" rx="2"/>`,
    );
    const unit = index === 0 ? ` ${unitOf(figure)}` : "";
    const label = `${figureText(value)}${unit}`;
    texts.push(text(x + length + 5, top + BAR_HEIGHT - 1, label, "quiet value"));
  });
  if (floor !== null) {
    const at = (x + lengthOf(floor)).toFixed(1);
    const bottom = y + brokers.length * (BAR_HEIGHT + 2);
    parts.push(`<line class="floor" x1="${at}" x2="${at}" y1="${y - 2}" y2="${bottom}"/>`);
  }
  return [...parts, ...texts];
}

/** The panel's title has said the rest. */
function unitOf(figure: FigureName): string {
  return figure === "p99Ms" ? "ms" : FIGURES[figure].label.replace(/CPU |resident /, "");
}

function legendOf(brokers: readonly string[], hasFloor: boolean): string[] {
  const parts: string[] = [];
  let x = MARGIN;
  brokers.forEach((name, index) => {
    const label = nameOf(name);
    parts.push(`<rect class="${COLOURS[index]}" x="${x}" y="47" width="11" height="11" rx="2"/>`);
    parts.push(text(x + 16, 57, label, "quiet"));
    x += 34 + label.length * 6.5;
  });
  if (hasFloor) {
    parts.push(`<line class="floor" x1="${x + 4}" x2="${x + 4}" y1="46" y2="60"/>`);
    parts.push(text(x + 12, 57, "floor", "quiet"));
  }
  return parts;
}

function titleOf(brokers: readonly string[]): string {
  const names = brokers.map(nameOf).join(" and ");
  return brokers.length > 1 ? `${names}: the same work on the same machine` : names;
}

function nameOf(contender: string): string {
  if (contender === "bunka") return "Bunka";
  return contender === "kafka" ? "Apache Kafka 4.3.1" : contender;
}

function commandOf({ command }: Results): string {
  if (command.length <= COMMAND_LENGTH_MAX) return command;
  return `${command.slice(0, COMMAND_LENGTH_MAX)} …`;
}

function footerOf({ machine, rounds, date }: Results): string {
  const { cores, processor, memoryGigabytes, system } = machine;
  const where = `${cores} cores of ${processor}, ${memoryGigabytes} GB, ${system}`;
  const passes = rounds === 1 ? "One round" : `Medians of ${rounds} rounds in turns`;
  return `${passes}; ${where}; ${date.slice(0, 10)}`;
}

function text(x: number, y: number, content: string, className?: string): string {
  const attribute = className === undefined ? "" : ` class="${className}"`;
  return `<text${attribute} x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
