/** The parts of the AWS SDK v3 that the pages use; bundled for the browser, they are window.SDK. */

export * from "@aws-sdk/client-cognito-sync";
// What the package's "browser" entry stands for; esbuild does not find it by the package's name.
export { fromCognitoIdentityPool } from "@aws-sdk/credential-providers/dist-es/index.browser.js";
