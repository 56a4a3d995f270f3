// SPDX-License-Identifier: Apache-2.0
// Reads an HdrHistogram log with hdr-histogram-js and prints, for each line: tag, count, and the
// values at 50, 90, 99, 99.9 and 100 percent.  usage: node read_hdr_log.js MODULES FILE
const fs = require("fs");
const path = require("path");

const hdr = require(path.join(process.argv[2], "hdr-histogram-js"));
for (const line of fs.readFileSync(process.argv[3], "utf8").split("\n")) {
  if (line === "" || line.startsWith("#") || line.startsWith('"')) continue;
  const field = line.split(",");
  const tag = field[0].startsWith("Tag=") ? field.shift().slice(4) : "";
  const h = hdr.decodeFromCompressedBase64(field[3]);
  const at = [50, 90, 99, 99.9, 100].map((p) => h.getValueAtPercentile(p));
  console.log([tag, h.totalCount, ...at].join(" "));
}
