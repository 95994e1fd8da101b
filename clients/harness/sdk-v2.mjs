/** The AWS SDK v2, silenced about its own end of support by the switch it has for that. */

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
require("aws-sdk/lib/maintenance_mode_message").suppress = true;

export const AWS = require("aws-sdk");
