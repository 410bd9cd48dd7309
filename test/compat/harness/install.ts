/** Installing clients into the cache folder: each once, and again only when its files change. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import { run } from "./process.ts";

export const COMPAT_FOLDER = resolve(import.meta.dir, "..");
export const CACHE = resolve(
  process.env["BUNKA_COMPAT_CACHE"] ?? join(homedir(), ".cache/bunka-compat"),
);
export const KAFKA_LIBRARIES = join(CACHE, "kafka-4.3.1/lib");
export const ECOSYSTEM_LIBRARIES = join(CACHE, "ecosystem-4.3.1/lib");

/** Runs `work` unless it ran before for files with the very same content. */
export async function once(
  name: string,
  sources: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const stamp = join(CACHE, `.installed-${name}`);
  const hash = hashOf(sources);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const start = performance.now();
  process.stdout.write(`installing ${name} ... `);
  mkdirSync(CACHE, { recursive: true });
  await work();
  writeFileSync(stamp, hash);
  console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** Apache Kafka with its tools and clients, from its Maven packages. */
export async function installKafka(): Promise<void> {
  const pom = join(COMPAT_FOLDER, "kafka/pom.xml");
  await once("kafka", [pom], async () => {
    rmSync(KAFKA_LIBRARIES, { recursive: true, force: true });
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${KAFKA_LIBRARIES}`];
    await run(["mvn", "-q", "-B", "-f", pom, ...goal]);
  });
}

/** A JavaScript driver lives beside its node_modules, so that Node and Bun both find them. */
export async function installJavaScriptDriver(name: string): Promise<void> {
  const source = join(COMPAT_FOLDER, "drivers", name);
  const destination = join(CACHE, "drivers", name);
  mkdirSync(destination, { recursive: true });
  cpSync(source, destination, { recursive: true });
  cpSync(join(COMPAT_FOLDER, "drivers/common"), join(CACHE, "drivers/common"), {
    recursive: true,
  });
  await once(name, [join(source, "package.json"), join(source, "bun.lock")], async () => {
    const install = ["install", "--frozen-lockfile", "--silent", "--production"];
    await run([process.execPath, ...install], { cwd: destination });
  });
}

/** A Python driver runs from the checkout, in a virtual environment of the cache. */
export async function installPythonDriver(name: string): Promise<void> {
  const requirements = join(COMPAT_FOLDER, "drivers", name, "requirements.txt");
  const environment = join(CACHE, `venv-${name}`);
  await once(name, [requirements], async () => {
    rmSync(environment, { recursive: true, force: true });
    await run(["python3", "-m", "venv", environment]);
    const pip = join(environment, "bin/pip");
    await run([pip, "install", "-q", "--disable-pip-version-check", "-r", requirements]);
  });
}

/** A Go driver is built once; `-mod=readonly` holds it to the versions of go.sum. */
export async function installGoDriver(name: string): Promise<void> {
  const source = join(COMPAT_FOLDER, "drivers", name);
  await once(name, [source], async () => {
    const output = join(CACHE, "bin", name);
    await run(["go", "build", "-mod=readonly", "-o", output, "."], { cwd: source });
  });
}

export const JAVA_CLASSES = join(CACHE, "java-classes");

/** The Java drivers are compiled once against the Kafka libraries. */
export async function installJavaDrivers(): Promise<void> {
  await installKafka();
  const source = join(COMPAT_FOLDER, "drivers/java");
  await once("java-drivers", [source, join(COMPAT_FOLDER, "kafka/pom.xml")], async () => {
    rmSync(JAVA_CLASSES, { recursive: true, force: true });
    const files = readdirSync(source).filter((file) => file.endsWith(".java"));
    const options = ["-cp", `${KAFKA_LIBRARIES}/*`, "-d", JAVA_CLASSES, "-Xlint:all,-classfile"];
    await run(["javac", ...options, ...files], { cwd: source });
  });
}

/** Kafka Streams, Connect and MirrorMaker with their own libraries, and the drivers of those. */
export async function installEcosystemDrivers(): Promise<void> {
  await installJavaDrivers();
  const pom = join(COMPAT_FOLDER, "kafka/ecosystem.xml");
  await once("ecosystem", [pom], async () => {
    rmSync(ECOSYSTEM_LIBRARIES, { recursive: true, force: true });
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${ECOSYSTEM_LIBRARIES}`];
    await run(["mvn", "-q", "-B", "-f", pom, ...goal]);
  });
  const source = join(COMPAT_FOLDER, "drivers/ecosystem");
  const classes = join(CACHE, "ecosystem-classes");
  await once("ecosystem-drivers", [source, join(COMPAT_FOLDER, "drivers/java"), pom], async () => {
    rmSync(classes, { recursive: true, force: true });
    const files = readdirSync(source).filter((file) => file.endsWith(".java"));
    const classPath = `${join(CACHE, "java-classes")}:${ECOSYSTEM_LIBRARIES}/*`;
    const options = ["-cp", classPath, "-d", classes, "-Xlint:all,-classfile"];
    await run(["javac", ...options, ...files], { cwd: source });
  });
}

export async function installKcat(): Promise<void> {
  if (Bun.which("kcat") !== null) return;
  await once("kcat", [], async () => {
    await run(["apt-get", "update", "-qq"]);
    await run(["apt-get", "install", "-y", "-qq", "kcat"]);
  });
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .sort()
      : [path];
    // Another clone's are the same where they say the same.
    for (const file of files) hash.update(relative(COMPAT_FOLDER, file)).update(readFileSync(file));
  }
  return hash.digest("hex");
}
