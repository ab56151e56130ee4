/**
 * Runs tests that were written for Jest as they are, all in this one process (eighty of them would spend their time on loading
 * the client), and sends its parent each result. The globals are Jest's over Node's own runner, the client is this project's.
 */
import { registerHooks } from 'node:module'
import { describe, run, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { expect } from 'expect'

export interface TestResult {
  readonly file: string
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly message?: string
}

/** Of one test; a server that does not answer is a failure and not a wait. */
const TIMEOUT_MS = 60_000
const OURS = pathToFileURL(`${import.meta.dirname}/`).href

registerHooks({
  resolve(specifier, context, next) {
    // The tests lie in a folder of their own, from which nothing is installed.
    if (/^openai(\/|$)/.test(specifier)) return next(specifier, { ...context, parentURL: OURS })
    const found = next(specifier, context)
    // Their package says CommonJS, which Jest does not look at.
    const isTest = /\/tests\/api-resources\/.*\.ts$/.test(found.url)
    return isTest ? { ...found, format: 'module-typescript' } : found
  },
})
Object.assign(globalThis, { describe, test, it: test, expect })

const send = (result: TestResult) => process.send!(result)
const events = run({ files: process.argv.slice(2), isolation: 'none', timeout: TIMEOUT_MS })
events.on('test:pass', ({ details, file, name, skip }) => {
  if (details.type === 'suite' || file === undefined) return
  send({ file, name, outcome: skip === undefined ? 'passed' : 'skipped' })
})
events.on('test:fail', ({ details, file, name }) => {
  const { cause } = details.error
  const message = cause instanceof Error ? cause.message : String(cause ?? details.error)
  // A suite fails because its tests do, unless it fails before them.
  if (file === undefined || (details.type === 'suite' && /subtests? failed/.test(message))) return
  send({ file, name, outcome: 'failed', message })
})
for await (const _ of events);
