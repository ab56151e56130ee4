/** The traffic of a soak, in ten parts. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../../cli/command.ts'
import { get } from '../http-get.ts'
import type { BenchTarget } from '../options.ts'
import { runLoad } from '../run-load.ts'
import {
  type KindCount,
  PHRASE,
  type TrafficPart,
  type TrafficPlan,
  type TrafficResult,
} from './traffic.ts'

export const PARTS = 10
/** More than a part sends. */
const NUMBERS_OF_A_PART = 1_000_000

export interface Traffic {
  /** Sends one of the parts, of 0 … 9, and tells what came of it. */
  send(part: number): Promise<readonly KindCount[]>
  /** Ends whatever sends. */
  stop(): void
}

/** So many requests about pictures, no two of which have the same. */
export function pictureTraffic(target: BenchTarget, clients: number, requests: number): Traffic {
  const { server, ...asked } = target
  const share = (part: number) => Math.round((requests * part) / PARTS)
  return {
    stop: () => undefined,
    send: async (part) => {
      const { records } = await runLoad({
        ...{ ...asked, url: server.url, clients, answers: 'natural', pictures: 'distinct' },
        requests: share(part + 1) - share(part),
        firstPicture: (part + 1) * NUMBERS_OF_A_PART,
      })
      const errors = records.flatMap(({ error }) => error ?? [])
      const [firstError = null] = errors
      return [{ kind: 'picture', requests: records.length, failed: errors.length, firstError }]
    },
  }
}

/** The mix for so long, from a process of its own, so that neither the server nor the readings are disturbed. */
export async function mixedTraffic(
  { server, apiKey, model, seed }: BenchTarget,
  clients: number,
  durationMs: number,
): Promise<Traffic> {
  const { url } = server
  const list = JSON.parse(await get(`${url}/v1/models`, apiKey)) as {
    readonly data: readonly {
      readonly id: string
      readonly aerie: { readonly max_context?: number; readonly input_modalities: string[] }
    }[]
  }
  const facts = list.data.find(({ id }) => id === model)?.aerie
  if (facts === undefined) throw new CommandFailure(`${url} does not serve '${model}'`)
  const { max_context: maxContext } = facts
  if (maxContext === undefined) throw new CommandFailure(`${model} is not loaded; ask it once`)
  const plan: TrafficPlan = {
    ...{ url, apiKey, model, clients, seed },
    seesPictures: facts.input_modalities.includes('image'),
    maxContext,
    phraseTokens: await phraseTokens(url, apiKey, model),
  }
  const program = fileURLToPath(new URL('traffic-process.ts', import.meta.url))
  // Without what was preloaded here, which lets a channel's program end: this one has nothing to do but to be told.
  const child = fork(program, { execArgv: [] })
  child.send(plan)
  await told(child)
  return {
    stop: () => child.kill(),
    send: async (part) => {
      const numbered: TrafficPart = {
        durationMs: durationMs / PARTS,
        firstNumber: (part + 1) * NUMBERS_OF_A_PART,
      }
      child.send(numbered)
      return ((await told(child)) as TrafficResult).kinds
    },
  }
}

/** Of {@link PHRASE} among others like it. */
async function phraseTokens(url: string, apiKey: string | undefined, model: string) {
  const tokens = async (times: number) => {
    const response = await fetch(`${url}/v1/tokenize`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: PHRASE.repeat(times) }],
      }),
    })
    if (!response.ok)
      throw new CommandFailure(`${url}/v1/tokenize answered ${response.status}, is it Aerie?`)
    return ((await response.json()) as { readonly tokens: number }).tokens
  }
  const times = 10
  return (await tokens(1 + times)) / times - (await tokens(1)) / times
}

/** The next message of the process. Rejects when it ends first. */
function told(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null) =>
      reject(
        new CommandFailure(`the traffic's process ended early: ${signal ?? `exit code ${code}`}`),
      )
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}
