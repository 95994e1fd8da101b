/** A live keepstep in a process of its own, with its store in a temporary directory. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const KEEPSTEP = resolve(REPOSITORY, process.env.KEEPSTEP ?? ".venv/bin/keepstep");
const PYTHON = join(dirname(KEEPSTEP), "python");
const SHIFTED_SERVER = join(import.meta.dirname, "shifted_server.py");
const START_SECONDS = 30;

/**
 * Serve for as long as the tests of a file run. `flags` go to `keepstep serve`; `settings` is the
 * text of its settings file, or a function that gives it when the tests begin.
 *
 * The object is filled in before the first test: `endpoint`, `region` and the root key's
 * `credentials`.
 */
export function liveServer({ flags = [], settings = "" } = {}) {
  return serving(async (directory) => {
    const text = typeof settings === "function" ? await settings() : settings;
    const store = `sqlite:${join(directory, "keepstep.db")}`;
    await writeFile(join(directory, "keepstep.toml"), text);
    return [KEEPSTEP, "serve", "--port", "0", "--store", store, ...flags];
  });
}

/** Serve as `liveServer` does, any pool, with a clock that many seconds ahead of this machine's. */
export function shiftedServer(seconds) {
  return serving(async () => [PYTHON, SHIFTED_SERVER, String(seconds)]);
}

/** Give the client options that name a server. */
export function place(server) {
  return { endpoint: server.endpoint, region: server.region };
}

function serving(commandIn) {
  const server = {};
  let stop = async () => {};
  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepstep-clients-"));
    const started = await start(await commandIn(directory), directory);
    stop = started.stop;
    Object.assign(server, started.printed);
  });
  after(() => stop());
  return server;
}

async function start([command, ...options], directory) {
  const logFile = join(directory, "server.log");
  const log = await open(logFile, "w");
  const child = spawn(command, options, {
    cwd: directory,
    env: withoutSettings(process.env),
    stdio: ["ignore", "pipe", log.fd],
  });
  const exited = once(child, "exit");
  await log.close();
  try {
    const printed = await readyLines(child);
    return { printed, stop: () => stop(child, exited, directory, logFile) };
  } catch (error) {
    child.kill("SIGKILL");
    const text = await readFile(logFile, "utf8");
    await rm(directory, { recursive: true });
    throw new Error(`${command} did not start: ${text}`, { cause: error });
  }
}

/** Stop the server; throw if it did not end well or logged a failure of its own. */
async function stop(child, exited, directory, logFile) {
  child.kill("SIGTERM");
  const [code] = await exited;
  const lines = (await readFile(logFile, "utf8")).split("\n");
  await rm(directory, { recursive: true });
  const failures = lines.filter((line) => line && !/"level":"(info|warning)"/.test(line));
  if (code !== 0 || failures.length > 0) {
    throw new Error(`the server ended with ${code} and logged:\n${failures.join("\n")}`);
  }
}

/** Read what the server prints once it answers, up to the example that comes last. */
async function readyLines(child) {
  const exports = {};
  const signal = AbortSignal.timeout(START_SECONDS * 1000);
  for await (const line of createInterface({ input: child.stdout, signal })) {
    const [, name, value] = /^export (\w+)=(.*)$/.exec(line) ?? [];
    if (name) exports[name] = value;
    if (line.startsWith("aws ")) {
      return {
        endpoint: exports.AWS_ENDPOINT_URL,
        region: exports.AWS_DEFAULT_REGION,
        credentials: {
          accessKeyId: exports.AWS_ACCESS_KEY_ID,
          secretAccessKey: exports.AWS_SECRET_ACCESS_KEY,
        },
      };
    }
  }
  throw new Error(`the server was not ready within ${START_SECONDS} seconds`);
}

/** Leave out the settings of the person who runs the tests. */
function withoutSettings(environment) {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(KEEPSTEP|AWS)_/.test(name)),
  );
}
