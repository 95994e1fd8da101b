/** What a page may read of answers to requests that no SDK makes, and which pages may ask at all. */

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { headlessBrowser } from "../harness/browser.mjs";
import { liveServer } from "../harness/server.mjs";

const browser = headlessBrowser();

/** Fetch in the page, and give what it can tell of the answer. */
function fetched(page, url, options) {
  const inPage = async ([address, settings]) => {
    try {
      const answer = await fetch(address, settings);
      const headers = Object.fromEntries(answer.headers);
      return { status: answer.status, headers, body: await answer.json() };
    } catch (error) {
      return { error: `${error.name}: ${error.message}` };
    }
  };
  return page.evaluate(inPage, [url, options]);
}

suite("a server open to all origins", () => {
  const server = liveServer();

  test("lets a page read status, code, request id and date of an error", async () => {
    const page = await browser.newPage();
    const { status, headers, body } = await fetched(page, `${server.endpoint}/identitypools`);
    assert.equal(status, 403);
    assert.equal(body.__type, "MissingAuthenticationTokenException");
    assert.equal(headers["x-amzn-errortype"], "MissingAuthenticationTokenException");
    assert.match(headers["x-amzn-requestid"], /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60_000);
  });

  test("answers the preflight of every header that the SDKs send", async () => {
    const page = await browser.newPage();
    const names = [
      "amz-sdk-invocation-id",
      "amz-sdk-request",
      "cache-control",
      "x-amz-client-context",
      "x-amz-content-sha256",
      "x-amz-date",
      "x-amz-security-token",
      "x-amz-target",
      "x-amz-user-agent",
    ];
    const headers = {
      ...Object.fromEntries(names.map((name) => [name, "any"])),
      authorization: "any",
      "content-type": "application/x-amz-json-1.1",
    };
    for (const [method, path] of [
      ["POST", "/"],
      ["DELETE", "/identitypools/a/identities/b/datasets/c"],
    ]) {
      const answer = await fetched(page, server.endpoint + path, { method, headers });
      assert.equal(answer.error, undefined);
      assert.ok(answer.status >= 400);
    }
  });

  test("does not grant headers that no SDK sends", async () => {
    const page = await browser.newPage();
    const headers = { "x-other": "any" };
    const { error } = await fetched(page, `${server.endpoint}/identitypools`, { headers });
    assert.equal(error, "TypeError: Failed to fetch");
  });
});

suite("a server open to one origin", () => {
  const server = liveServer({ settings: 'cors_origins = ["https://app.example"]\n' });

  test("is closed to pages of another", async () => {
    const page = await browser.newPage();
    const { error } = await fetched(page, `${server.endpoint}/identitypools`);
    assert.equal(error, "TypeError: Failed to fetch");
  });
});
