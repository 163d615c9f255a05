// A reporter for Node's test runner that writes one JSON line per test to PARITY_OUTCOMES. A test is named by its file and the suites around it.

import { appendFileSync } from "node:fs"
import { relative } from "node:path"

const names = []

function idOf(data) {
  const file = data.file ?? ""
  return [relative(process.cwd(), file), ...names.slice(0, data.nesting), data.name].join(" > ")
}

function outcomeOf(type, data) {
  if (data.skip !== undefined || data.todo !== undefined) return "skipped"
  return type === "test:pass" ? "passed" : "failed"
}

export default async function* outcomes(source) {
  for await (const { type, data } of source) {
    if (type === "test:start") {
      names.length = data.nesting
      names.push(data.name)
    }
    if (type !== "test:pass" && type !== "test:fail") continue
    if (data.details.type === "suite" || data.name === data.file) continue
    const error = data.details.error
    const reason = error === undefined ? "" : String(error.cause?.message ?? error.message)
    const line = { test: idOf(data), outcome: outcomeOf(type, data), asks_broker: true, reason }
    appendFileSync(process.env.PARITY_OUTCOMES, JSON.stringify(line) + "\n")
  }
}
