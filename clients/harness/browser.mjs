/** Pages in headless Chromium, served from an origin of their own. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The SDK v3, which has to be bundled by its user, as window.SDK. */
export const SDK_V3 = () => bundled(join(import.meta.dirname, "../browser/sdk-v3.mjs"), "SDK");

/** The SDK v2 as its package ships it for pages, as window.AWS. */
export const SDK_V2 = () => packaged("aws-sdk", "dist/aws-sdk.min.js");

/** amazon-cognito-js as its package ships it; it extends window.AWS. */
export const SYNC_MANAGER = () => packaged("amazon-cognito-js", "dist/amazon-cognito.min.js");

/**
 * Run a browser for as long as the tests of a file do. The object is filled in before the first
 * test: `newPage(...scripts)` gives a page with storage of its own.
 */
export function headlessBrowser() {
  const browser = {};
  let chrome;
  let pages;
  before(async () => {
    pages = createServer((request, response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end("<!doctype html><title>An app</title>");
    });
    await once(pages.listen(0, "127.0.0.1"), "listening");
    const origin = `http://127.0.0.1:${pages.address().port}`;
    chrome = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    browser.newPage = async (...scripts) => {
      const context = await chrome.newContext();
      return reload(await context.newPage(), origin, ...scripts);
    };
  });
  after(async () => {
    await chrome?.close();
    pages.close();
  });
  return browser;
}

/** Load a page anew with its scripts; what it stored is kept. */
export async function reload(page, url, ...scripts) {
  await page.goto(url);
  for (const script of scripts) await page.addScriptTag({ content: await script() });
  return page;
}

async function bundled(entryPoint, globalName) {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    format: "iife",
    globalName,
    platform: "browser",
    logLevel: "silent",
    write: false,
  });
  return outputFiles[0].text;
}

function packaged(name, file) {
  return readFile(join(dirname(require.resolve(`${name}/package.json`)), file), "utf8");
}
