/**
 * What Schemathesis wrote of each request that it made. Its own summary names one example of each kind of failure; here every
 * failed check counts, and those of one operation with one reason are one result.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { CaseResult } from './suite.ts'

interface Encoded {
  readonly $base64: string
}

interface ScenarioFinished {
  readonly recorder: {
    readonly cases: Readonly<
      Record<string, { readonly value: { readonly method: string; readonly path: string } }>
    >
    readonly checks: Readonly<Record<string, readonly Check[]>>
    readonly interactions: Readonly<
      Record<
        string,
        { readonly response: { readonly status_code: number; readonly content: Encoded } | null }
      >
    >
  }
}

interface Check {
  readonly name: string
  readonly status: 'success' | 'failure' | 'skip' | 'error'
  readonly failure_info?: { readonly failure: { readonly title: string; readonly message: string } }
}

interface Fatal {
  readonly info?: { readonly message?: string; readonly title?: string }
  readonly message?: string
  readonly label?: string
}

export interface Findings {
  readonly version: string
  readonly seed: string
  readonly requests: number
  readonly cases: readonly CaseResult[]
}

/** Reads the events of a run, a JSON object a line. Rejects where a line is none. */
export async function readFindings(file: string): Promise<Findings> {
  let version = ''
  let seed = ''
  let requests = 0
  const passed = new Set<string>()
  const failed = new Map<string, CaseResult>()
  const broken = new Set<string>()
  const fail = (result: CaseResult, check: string) => {
    broken.add(`${result.group}\n${check}`)
    const key = `${result.group}\n${result.name}\n${shape(result.message ?? '')}`
    if (!failed.has(key)) failed.set(key, result)
  }
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [[kind, event]] = Object.entries(JSON.parse(line)) as [[string, unknown]]
    if (kind === 'Initialize') {
      // Larger than a double holds.
      seed = /"seed": ?(\d+)/.exec(line)?.[1] ?? ''
      version = (event as { schemathesis_version: string }).schemathesis_version
    } else if (/Error$/.test(kind)) {
      const { info, message, label = 'the whole document' } = event as Fatal
      const text = info?.message ?? message ?? line
      fail({ group: label, name: 'could not be tested', outcome: 'failed', message: text }, kind)
    } else if (kind === 'ScenarioFinished') {
      const { cases = {}, checks = {}, interactions = {} } = (event as ScenarioFinished).recorder
      for (const [id, { value }] of Object.entries(cases)) {
        const group = `${value.method} ${value.path}`
        const response = interactions[id]?.response
        if (response !== undefined) requests++
        for (const { name, status, failure_info: info } of checks[id] ?? []) {
          // How busy the machine is.
          if (name === 'max_response_time') continue
          if (status === 'success') passed.add(`${group}\n${name}`)
          if (status !== 'failure' && status !== 'error') continue
          const answer = response ? answerOf(response) : 'no answer'
          const about = info?.failure.message.replace(/\s+/g, ' ').trim() ?? ''
          const message = name === 'positive_data_acceptance' ? answer : `${about} (${answer})`
          fail({ group, name: info?.failure.title ?? name, outcome: 'failed', message }, name)
        }
      }
    }
  }
  const whole = [...passed].filter((key) => !broken.has(key))
  const cases = [
    ...whole.map((key): CaseResult => {
      const [group, name] = key.split('\n') as [string, string]
      return { group, name, outcome: 'passed' }
    }),
    ...failed.values(),
  ].sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0))
  return { version, seed, requests, cases }
}

function answerOf({ status_code: status, content }: { status_code: number; content: Encoded }) {
  const text = Buffer.from(content?.$base64 ?? '', 'base64').toString()
  try {
    const { message } = JSON.parse(text).error
    if (typeof message === 'string') return `${status} ${message}`
  } catch {
    // A stream, or nothing.
  }
  return `${status} ${text.slice(0, 200)}`
}

/** The message without what was made up: texts in quotes and numbers. */
function shape(message: string): string {
  return message.replace(/"(?:[^"\\]|\\.)*"/g, '"…"').replace(/\d+/g, '0')
}
