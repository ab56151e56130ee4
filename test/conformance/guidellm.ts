/**
 * GuideLLM, a load generator that others wrote for servers of language models, and `aerie bench` with the same load against the
 * same server: whether every request is answered with as many tokens as it asked for, and whether both measure the same.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { runLoad } from '../../src/bench/run-load.ts'
import { pythonProgram } from './python.ts'
import type { CaseResult, Suite, SuiteContext } from './suite.ts'

const run = promisify(execFile)
const CLIENTS = 4
const REQUESTS = 64
const PROMPT_TOKENS = 32
const ANSWER_TOKENS = 32
/** As GuideLLM asks by chat. */
const ROUTE = { GUIDELLM__PREFERRED_ROUTE: 'chat_completions' }
/** Whose tokenizer counts the prompts that it makes up. */
const TOKENIZER = resolve(import.meta.dirname, '../../models/starter')

interface Answered {
  readonly prompt: string
  readonly output: string
  readonly output_tokens: number
  readonly time_to_first_token_ms: number
}

interface Report {
  readonly benchmarks: readonly {
    readonly start_time: number
    readonly end_time: number
    readonly requests: {
      readonly successful: readonly Answered[]
      readonly errored: readonly { readonly error: string }[]
      readonly incomplete: readonly unknown[]
    }
  }[]
}

export function guidellmSuite(): Suite {
  return {
    id: 'guidellm',
    title: 'GuideLLM: a load of streamed chats',
    source: `guidellm of PyPI: ${REQUESTS} chats of ${ANSWER_TOKENS} tokens (\`ignore_eos\`), ${CLIENTS} at a time. A test is a request that is answered in whole`,
    missing: async () => undefined,
    run: load,
  }
}

async function load({ url, model, python }: SuiteContext) {
  const program = await pythonProgram(python, 'guidellm')
  const folder = await mkdtemp(join(tmpdir(), 'aerie-guidellm-'))
  try {
    const file = join(folder, 'report.json')
    const data = `prompt_tokens=${PROMPT_TOKENS},output_tokens=${ANSWER_TOKENS}`
    const args = [
      ...['benchmark', 'run', '--target', url, '--model', model, '--processor', TOKENIZER],
      ...['--rate-type', 'concurrent', '--rate', String(CLIENTS)],
      ...['--max-requests', String(REQUESTS), '--data', data],
      ...['--backend-args', '{"extra_body": {}}', '--disable-progress', '--output-path', file],
    ]
    await run(program, args, {
      env: { ...process.env, ...ROUTE, HF_HUB_OFFLINE: '1' },
      cwd: folder,
    })
    const { benchmarks } = JSON.parse(await readFile(file, 'utf8')) as Report
    const { start_time: start, end_time: end, requests } = benchmarks[0]!
    const { successful, errored, incomplete } = requests
    const cases: CaseResult[] = [
      ...successful.map((answer, i): CaseResult => {
        const name = `request ${i + 1}`
        const message = defect(answer)
        if (message === undefined) return { group: 'chat', name, outcome: 'passed' }
        return { group: 'chat', name, outcome: 'failed', message }
      }),
      ...errored.map(({ error }, i): CaseResult => {
        return { group: 'chat', name: `error ${i + 1}`, outcome: 'failed', message: error }
      }),
      ...incomplete.map((_, i): CaseResult => {
        return { group: 'chat', name: `cut ${i + 1}`, outcome: 'failed', message: 'incomplete' }
      }),
    ]
    const tokens = successful.reduce((sum, one) => sum + one.output_tokens, 0)
    const theirs = tokens / (end - start)
    const ours = await runLoad({
      ...{ url, apiKey: undefined, model, clients: CLIENTS, requests: REQUESTS },
      ...{ question: '', maxTokens: ANSWER_TOKENS, answers: 'exact', pictures: 'none' },
      ...{ seed: 1, firstPicture: 0, bodies: successful.map((one) => bodyOf(model, one.prompt)) },
    })
    const failed = ours.records.filter(({ error }) => error !== undefined).length
    const count = ours.records.reduce((sum, one) => sum + one.completionTokens, 0)
    const rate = (count / ours.durationMs) * 1000
    const version = await run(join(resolve(python, 'guidellm'), 'bin/pip'), ['show', 'guidellm'])
    return {
      version: `guidellm ${/^Version: (.*)$/m.exec(version.stdout)?.[1]}`,
      cases,
      notes: [
        `guidellm: ${successful.length} of ${REQUESTS} requests, ${tokens} tokens, ${theirs.toFixed(0)} tokens/s`,
        `aerie bench, after it and against the same server: ${REQUESTS - failed} of ${REQUESTS} requests, ${count} tokens, ${rate.toFixed(0)} tokens/s; ${(theirs / rate).toFixed(2)} of this is what guidellm measured. The prompts are the same but for a letter in front, so that they are read anew; a load generator in Python takes more of the processor that the server would have`,
      ],
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What is wrong with an answer; undefined for nothing. */
function defect(answer: Answered): string | undefined {
  if (answer.output_tokens !== ANSWER_TOKENS) return `${answer.output_tokens} tokens`
  if (answer.output === '') return 'no text'
  return answer.time_to_first_token_ms > 0 ? undefined : 'no time to the first token'
}

/** What GuideLLM sends for a prompt, behind a letter, so that what was read for GuideLLM is not used again. */
function bodyOf(model: string, prompt: string): string {
  return JSON.stringify({
    ...{ model, messages: [{ role: 'user', content: [{ type: 'text', text: `x${prompt}` }] }] },
    ...{ max_completion_tokens: ANSWER_TOKENS, ignore_eos: true },
    ...{ stream: true, stream_options: { include_usage: true } },
  })
}
