/** `aerie serve`: starts the server, says how to talk to it, and drains it on a signal. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  apiKeyRequired,
  CONFIG_KEYS,
  type Config,
  hubEnvironment,
  maskConfig,
  type RawConfig,
  readConfig,
} from '../config.ts'
import type { Command, ParsedArgs, Terminal } from './command.ts'
import { UsageError } from './command.ts'
import { transferProgress } from './transfer-progress.ts'
import { welcome } from './welcome.ts'

export const serveCommand: Command = {
  name: 'serve',
  summary: "serve models over OpenAI's HTTP API",
  operands: '[folder | package | owner/name[:variant] | model.gguf | starter]... [options]',
  details: [
    'Without a model the starter is served; a repository of the hub is imported first. One of its GGUF',
    'files is named by its quantisation or by itself: owner/name:Q4_K_M, owner/name:<file>.',
    'Of several models the first is loaded at once and the others when they are asked for; those that',
    'nobody uses make room (docs/models.md).',
    'Prints what is served and how to ask it, then logs one JSON line an event to standard error.',
    'SIGTERM or SIGINT: running requests are finished, new ones refused; a second one stops at once.',
  ],
  options: {},
  configKeys: [...CONFIG_KEYS.keys()],
  examples: [
    'aerie serve',
    'aerie serve ~/.aerie/models/VILA1.5-3b-0123456789ab',
    'aerie serve SmolLM2-135M-Instruct.Q4_1.gguf',
    'aerie serve Qwen/Qwen3-0.6B-GGUF:Q8_0',
    'aerie serve starter nvidia/C-RADIOv2-B openai/whisper-tiny --model-memory-bytes 2GiB',
    'aerie serve --port 9000 --max-running 8 --api-keys-file keys.txt --host 0.0.0.0',
  ],
  run: serve,
}

async function serve(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const config = await readConfig({ ...args.config, ...modelOperands(args) }, args.configFile)
  const [{ startServer }, { createLogger }] = await Promise.all([
    import('../main.ts'),
    import('../telemetry/logger.ts'),
  ])
  const logger = createLogger({ level: config.logLevel })
  logger.info({ config: maskConfig(config) }, 'effective configuration')
  const isWatched = terminal.stderr.isTTY === true
  const progress = transferProgress(
    isWatched ? terminal.stderr : { write: (line) => logger.info(line.trimEnd()) },
  )
  const server = await startServer(config, {
    logger,
    hub: hubEnvironment(),
    onProgress: progress.show,
  }).finally(progress.end)
  // Before anyone can know that it runs: a signal right behind the welcome is to be obeyed, too.
  const asked = firstSignal()
  terminal.stdout.write(
    `${welcome(server, { needsKey: apiKeyRequired(config), page: config.page })}\n`,
  )

  const signal = await asked
  logger.info({ signal }, 'draining')
  // Not awaited: only another signal ends it, and then it ends everything.
  void firstSignal().then(dieOf)
  const drained = await drainWithin(server.drain(), config)
  if (!drained) logger.warn({ drainTimeoutMs: config.drainTimeoutMs }, 'drain timed out, closing')
  await server.close()
  logger.info('stopped')
  // Traces that no collector has taken by now would hold the process for as long as they are tried.
  setTimeout(() => process.exit(), LINGER_MS).unref()
  return 0
}

/** How long a closed server waits for what else keeps the process, which is none of its own. */
const LINGER_MS = 100

/** Operands are another way to say --model or --models. */
function modelOperands({ positionals, config }: ParsedArgs): RawConfig {
  const [model, ...more] = positionals
  if (model === undefined) return {}
  for (const key of ['model', 'models'])
    if (config[key] !== undefined)
      throw new UsageError(`two ways to name models: '${model}' and --${key} ${config[key]}`)
  return more.length === 0 ? { model } : { models: positionals.map((name) => ({ model: name })) }
}

/** Whether everything was finished in time. */
async function drainWithin(drained: Promise<void>, config: Config): Promise<boolean> {
  const timer = new AbortController()
  const timeout = delay(config.drainTimeoutMs, false, { signal: timer.signal, ref: false })
  const result = await Promise.race([drained.then(() => true), timeout])
  timer.abort()
  timeout.catch(() => undefined)
  return result
}

/**
 * As a program ends that does not listen for the signal. `process.exit` would wait for the workers first, and a runtime
 * that is stopped in the middle of a step aborts the process.
 */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve).once('SIGINT', resolve)
  })
}
