/** What the pages use of the AWS SDK v3 and with it; bundled for the browser, it is window.SDK. */

export * from "@aws-sdk/client-cognito-sync";
// What the package's "browser" entry stands for; esbuild does not find it by the package's name.
export { fromCognitoIdentityPool } from "@aws-sdk/credential-providers/dist-es/index.browser.js";
export * from "../harness/live-changes.mjs";
