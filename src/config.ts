/** Fills the configuration from defaults, file, environment and flags; the only reader of the environment. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseModels } from './config-models.ts'
import { CONFIG_KEYS, type Config, type ConfigKey } from './config-schema.ts'
import { expectation, kebab, parseValue, upperSnake } from './config-value.ts'
import { defaultThreads } from './cpu.ts'
import { AerieError } from './errors.ts'
import { nearest } from './nearest.ts'
import { parseTracingEnvironment, type TracingEnvironment } from './tracing-environment.ts'

export { CONFIG_KEYS, type Config, type ConfigKey } from './config-schema.ts'

/** Values by config key as a source gave them: strings from flags, anything from a file. */
export type RawConfig = Readonly<Record<string, unknown>>

export interface ConfigSources {
  /** Parsed content of the `--config` file and its name for messages. */
  readonly file?: { readonly name: string; readonly content: unknown }
  readonly env?: Readonly<Record<string, string | undefined>>
  /** By camelCase key; list keys as arrays of strings. */
  readonly flags?: RawConfig
}

/**
 * Reads the file named by `--config` or AERIE_CONFIG, then the environment, then the flags.
 * Throws `invalid_config` with one line for each key that is unknown or cannot be used.
 */
export async function readConfig(flags: RawConfig = {}, configFile?: string): Promise<Config> {
  const { AERIE_CONFIG, ...env } = process.env
  const name = configFile ?? AERIE_CONFIG
  const file = name === undefined ? undefined : { name, content: await readConfigFile(name) }
  return resolveConfig({ env, flags, ...(file ? { file } : {}) })
}

/** The pure part of {@link readConfig}: sources → effective configuration, or `invalid_config`. */
export function resolveConfig(sources: ConfigSources): Config {
  const problems: string[] = []
  const values = new Map<ConfigKey, unknown>()
  for (const [key, schema] of CONFIG_KEYS) {
    if (schema.default !== undefined) values.set(key, schema.default)
  }
  // Decoder, towers and picture decoding run side by side: threads beyond their share wait for each other.
  values.set('threads', defaultThreads())

  values.set('modelsDir', join(homedir(), '.aerie', 'models'))
  values.set('dataDir', join(homedir(), '.aerie', 'data'))
  values.set('videoSpoolDir', tmpdir())

  const take = (key: string, raw: unknown, label: string, spell: (key: string) => string) => {
    const schema = CONFIG_KEYS.get(key as ConfigKey)
    if (!schema) {
      const near = nearest(key, CONFIG_KEYS.keys())
      problems.push(`${label}: unknown key${near ? `; did you mean ${spell(near)}?` : ''}`)
      return
    }
    if (key === 'models') {
      values.set(
        key,
        parseModels(raw, label, (problem) => problems.push(problem)),
      )
      return
    }
    const value = parseValue(schema, raw)
    if (value === undefined) {
      // A secret that is misspelt is still one.
      const got = schema.writeOnly ? 'something else' : show(raw)
      problems.push(`${label}: expected ${expectation(schema)}, got ${got}`)
    } else {
      values.set(key as ConfigKey, value)
    }
  }

  /** One model and several are two ways to say the same: what a later place says replaces both. */
  const chooseModels = (keys: readonly string[], place: string) => {
    const [isOne, areSeveral] = [keys.includes('model'), keys.includes('models')]
    if (isOne && areSeveral) problems.push(`${place}: expected model or models, got both`)
    else if (isOne) values.set('models', [])
  }

  if (sources.file) {
    const { name, content } = sources.file
    if (typeof content !== 'object' || content === null || Array.isArray(content)) {
      problems.push(`${name}: expected an object of configuration keys, got ${show(content)}`)
    } else {
      for (const [key, raw] of Object.entries(content)) take(key, raw, `${name}: ${key}`, (k) => k)
      chooseModels(Object.keys(content), name)
    }
  }
  const byVariable = new Map([...CONFIG_KEYS.keys()].map((key) => [upperSnake(key), key as string]))
  const ofEnv: string[] = []
  for (const [variable, raw] of Object.entries(sources.env ?? {})) {
    if (!variable.startsWith('AERIE_') || raw === undefined) continue
    const key = byVariable.get(variable) ?? camel(variable)
    take(key, raw, `environment variable ${variable}`, upperSnake)
    ofEnv.push(key)
  }
  chooseModels(ofEnv, 'the environment')
  for (const [key, raw] of Object.entries(sources.flags ?? {})) {
    take(key, raw, `--${kebab(key)}`, (k) => `--${kebab(k)}`)
  }
  chooseModels(Object.keys(sources.flags ?? {}), 'the command line')

  const config = Object.fromEntries(values) as unknown as Config
  if (problems.length === 0) problems.push(...contradictions(config))
  if (problems.length > 0) throw new AerieError('invalid_config', problems.join('\n'))
  return config
}

export interface HubEnvironment {
  /** Base URL; undefined: the public hub. */
  readonly endpoint: string | undefined
  readonly token: string | undefined
  readonly offline: boolean
}

/** The variables that every client of the hub reads, so that what was set for another holds here. */
export function hubEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): HubEnvironment {
  const endpoint = env['HF_ENDPOINT'] || undefined
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:/.test(endpoint))) {
    throw new AerieError(
      'invalid_config',
      `environment variable HF_ENDPOINT: expected an http or https URL, got ${show(endpoint)}`,
    )
  }
  return {
    endpoint,
    token: env['HF_TOKEN']?.trim() || undefined,
    // As huggingface_hub reads it.
    offline: /^(1|on|yes|true)$/i.test(env['HF_HUB_OFFLINE'] ?? ''),
  }
}

/** OpenTelemetry's own variables. Throws `invalid_config`. */
export function tracingEnvironment(): TracingEnvironment {
  return parseTracingEnvironment(process.env)
}

/** The folders in which the shell looks for programs, for those who must tell which one it would find. */
export function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter)
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** The key for another server, from the variable that OpenAI's clients read: a command line is for all to see. */
export function serverKeyEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  return env['OPENAI_API_KEY']?.trim() || undefined
}

/** Whether requests need an API key, with `auto` decided by the host. */
export function apiKeyRequired(
  config: Pick<Config, 'requireApiKey' | 'host' | 'apiKeysFile'>,
): boolean {
  if (config.requireApiKey !== 'auto') return config.requireApiKey
  // Whoever names keys means them: a server behind a proxy on the same machine listens on loopback too.
  return config.apiKeysFile !== undefined || !isLoopback(config.host)
}

/** Names that the Host header may have, undefined for any: only a local server without keys needs to be careful. */
export function acceptedHosts(
  config: Pick<Config, 'requireApiKey' | 'host' | 'apiKeysFile' | 'allowedHosts'>,
): readonly string[] | undefined {
  const isOpen = !apiKeyRequired(config) && isLoopback(config.host)
  return isOpen || config.allowedHosts.length > 0 ? config.allowedHosts : undefined
}

/** The configuration for the log: every key, values of secret keys masked. */
export function maskConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      CONFIG_KEYS.get(key as ConfigKey)?.writeOnly ? '(masked)' : value,
    ]),
  )
}

/** Settings that are each fine and together unusable. */
function contradictions(config: Config): string[] {
  const problems: string[] = []
  if (apiKeyRequired(config) && config.apiKeysFile === undefined) {
    problems.push(
      config.requireApiKey === true
        ? 'requireApiKey is true: expected apiKeysFile to name the file of keys'
        : `host ${config.host} can be reached from other machines: expected apiKeysFile to name ` +
            'a file of keys, or requireApiKey to be false',
    )
  }
  if (config.maxImageBytes > config.mediaMaxBytesInUse) {
    problems.push(
      'mediaMaxBytesInUse: expected at least maxImageBytes, or no large picture ever fits',
    )
  }
  const { traceEndpoint } = config
  if (traceEndpoint !== undefined && !isUrl(traceEndpoint, /^https?:$/)) {
    problems.push(`traceEndpoint: expected an http or https URL, got ${show(traceEndpoint)}`)
  }
  if (config.maxVideoBytes > config.videoSpoolBytes) {
    problems.push('videoSpoolBytes: expected at least maxVideoBytes, or no large clip ever fits')
  }
  return [...problems, ...filesContradictions(config)]
}

function filesContradictions(config: Config): string[] {
  const problems: string[] = []
  const { databaseUrl, objectStore, objectStoreEndpoint: endpoint } = config
  const { maxFileBytes, maxFilesBytes, maxTenantFilesBytes, objectCacheBytes } = config
  if ((databaseUrl === undefined) !== (objectStore === undefined)) {
    problems.push(
      'databaseUrl and objectStore: expected both, for replicas that share files, or neither',
    )
  }
  if (databaseUrl !== undefined && !isUrl(databaseUrl, /^postgres(ql)?:$/)) {
    problems.push('databaseUrl: expected postgres://user:password@host:port/database')
  }
  if (objectStore !== undefined && !isBucket(objectStore)) {
    // Not repeated: somebody may have put credentials into it.
    problems.push('objectStore: expected s3://bucket or s3://bucket/prefix, without credentials')
  }
  if (endpoint !== undefined && !isUrl(endpoint, /^https?:$/)) {
    problems.push(`objectStoreEndpoint: expected an http or https URL, got ${show(endpoint)}`)
  }
  if (objectStore !== undefined && objectCacheBytes < maxFileBytes) {
    problems.push('objectCacheBytes: expected at least maxFileBytes, or no large file ever fits')
  }
  if (maxTenantFilesBytes !== undefined && maxTenantFilesBytes > maxFilesBytes) {
    problems.push('maxTenantFilesBytes: expected at most maxFilesBytes, which holds for all keys')
  }
  return problems
}

function isUrl(text: string, protocol: RegExp): boolean {
  return URL.canParse(text) && protocol.test(new URL(text).protocol) && new URL(text).host !== ''
}

function isBucket(text: string): boolean {
  if (!isUrl(text, /^s3:$/)) return false
  const { username, password, port, search, hash } = new URL(text)
  return [username, password, port, search, hash].every((part) => part === '')
}

/** JSON or YAML by the file's ending. */
async function readConfigFile(name: string): Promise<unknown> {
  const isYaml = /\.ya?ml$/.test(name)
  if (!isYaml && !name.endsWith('.json')) {
    throw new AerieError(
      'invalid_config',
      `${name}: expected a file ending in .json, .yaml or .yml`,
    )
  }
  try {
    const text = await readFile(name, 'utf8')
    return isYaml ? (await import('yaml')).parse(text) : JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AerieError('invalid_config', `${name}: ${reason}`, { cause })
  }
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

const camel = (variable: string) =>
  variable
    .slice('AERIE_'.length)
    .toLowerCase()
    .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
