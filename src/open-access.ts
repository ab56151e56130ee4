/** Part of main: who may come in and how much each may use, from files that are read again together. */
import type { Config } from './config.ts'
import { ANONYMOUS, type ApiKeys, loadApiKeys, reloadOnSighup } from './http/auth.ts'
import { RateLimits } from './limits/rate-limits.ts'
import { type LimitRules, loadLimits } from './limits/rules.ts'
import type { Logger } from './telemetry/logger.ts'

export interface OpenAccess extends AsyncDisposable {
  /** Undefined: no keys are needed. */
  readonly apiKeys: ApiKeys | undefined
  /** Undefined: there are no limits. */
  readonly limits: RateLimits | undefined
}

type AccessConfig = Pick<Config, 'apiKeysFile' | 'limitsFile' | 'databaseUrl'>

/** Reads the files, and reads both again on each SIGHUP until it is disposed of: both are taken, or neither. Rejects with `invalid_config`. */
export async function openAccess(config: AccessConfig, logger: Logger): Promise<OpenAccess> {
  const { apiKeysFile, limitsFile, databaseUrl } = config
  const apiKeys = apiKeysFile === undefined ? undefined : await loadApiKeys(apiKeysFile)
  await using opened = new AsyncDisposableStack()
  let limits: RateLimits | undefined
  if (limitsFile !== undefined) {
    const rules = await loadLimits(limitsFile)
    warnOfStrangers(rules, apiKeys?.names() ?? [], limitsFile, logger)
    const shared =
      databaseUrl === undefined ? undefined : await import('./limits/postgres-meters.ts')
    limits = new RateLimits({
      rules,
      ...(shared && {
        shared: {
          meters: (local) =>
            opened.use(new shared.PostgresMeters(local, { url: databaseUrl!, logger })),
        },
      }),
    })
  }
  if (apiKeys || limits) {
    opened.use(
      reloadOnSighup({ read: () => readAgain(apiKeys, limits, limitsFile, logger) }, logger),
    )
  }
  const stack = opened.move()
  return { apiKeys, limits, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function readAgain(
  apiKeys: ApiKeys | undefined,
  limits: RateLimits | undefined,
  limitsFile: string | undefined,
  logger: Logger,
): Promise<() => void> {
  const [takeKeys, rules] = await Promise.all([
    apiKeys?.read(),
    limitsFile === undefined ? undefined : loadLimits(limitsFile),
  ])
  return () => {
    takeKeys?.()
    if (!rules) return
    limits?.change(rules)
    warnOfStrangers(rules, apiKeys?.names() ?? [], limitsFile!, logger)
  }
}

/** A name that is misspelt has only the limits of the default, which somebody should hear of. */
function warnOfStrangers(
  { names }: LimitRules,
  known: readonly string[],
  file: string,
  logger: Logger,
): void {
  const strangers = names.filter((name) => name !== ANONYMOUS && !known.includes(name))
  if (strangers.length === 0) return
  logger.warn({ names: strangers, file }, 'limits for names that no API key has')
}
