/** Part of main: traces, where they are wanted; else nothing of them is loaded. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { type Config, tracingEnvironment } from './config.ts'
import type { Logger } from './telemetry/logger.ts'
import type { Tracing } from './tracing/tracing.ts'
import { tracesUrl } from './tracing-environment.ts'

const LOCAL_COLLECTOR = 'http://localhost:4318/v1/traces'

/** Undefined where it is off. Rejects with `invalid_config` for variables that cannot be used. */
export async function openTracing(
  config: Pick<Config, 'tracing' | 'traceEndpoint' | 'traceShare'>,
  logger: Logger,
): Promise<Tracing | undefined> {
  if (!config.tracing) return undefined
  const environment = tracingEnvironment()
  if (environment.isDisabled) return undefined
  const { traceEndpoint, traceShare } = config
  const { protocol, headers, sampling, resource, serviceName = 'aerie' } = environment
  const url = traceEndpoint ? tracesUrl(traceEndpoint) : (environment.url ?? LOCAL_COLLECTOR)
  const { startTracing } = await import('./tracing/open-telemetry.ts')
  const { host } = new URL(url)
  logger.info({ host, protocol }, 'traces are sent to a collector')
  return startTracing({
    ...{ url, protocol, headers, logger, serverName: serviceName, version: await version() },
    sampling: traceShare === undefined ? sampling : { isByParent: true, share: traceShare },
    resource: { 'service.instance.id': `${hostname()}-${process.pid}`, ...resource },
  })
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
