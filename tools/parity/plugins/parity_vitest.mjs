// A reporter for vitest that writes one JSON line per test to PARITY_OUTCOMES.

import { appendFileSync } from "node:fs"

export default class Outcomes {
  onTestCaseResult(test) {
    const { state, errors } = test.result()
    const line = {
      test: `${test.module.relativeModuleId} > ${test.fullName}`,
      outcome: state,
      asks_broker: true,
      reason: errors?.length ? String(errors[0].message) : "",
    }
    appendFileSync(process.env.PARITY_OUTCOMES, JSON.stringify(line) + "\n")
  }
}
