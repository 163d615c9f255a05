/**
 * Plays scenarios with a stock client: `node main.js kafkajs|platformatic BOOTSTRAP_SERVERS`.
 *
 * Each line on standard input is a JSON object with a "scenario" and its arguments; each answer is one line on standard output, with
 * the "result", or the "error" (the exception's name, and its Kafka code where it has one) and its "message". Both clients offer
 * scenarios of the same names, arguments and results.
 */
import { createInterface } from 'node:readline'

const [client, bootstrapServers] = process.argv.slice(2)
const { connect } = await import(`./${client}.js`)
const { scenarios, close } = await connect(bootstrapServers.split(','))

for await (const line of createInterface({ input: process.stdin })) {
  const { scenario, ...given } = JSON.parse(line)
  process.stdout.write(JSON.stringify(await play(scenario, given), whole) + '\n')
}
await close()

async function play (scenario, given) {
  try {
    return { scenario, result: (await scenarios[scenario](given)) ?? null }
  } catch (error) {
    console.error(error)
    const cause = root(error)
    return { scenario, error: cause.apiId ?? cause.type ?? cause.name, message: String(cause.message) }
  }
}

/** The error of the broker, below those of the layers that passed it on. */
function root (error) {
  const below = error.errors?.[0] ?? error.cause
  return below ? root(below) : error
}

function whole (name, value) {
  return typeof value === 'bigint' ? Number(value) : value
}
