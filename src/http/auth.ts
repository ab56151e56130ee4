/** API keys: several, from a file, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { AerieError } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'

/** The tenant of requests without a key. */
export const ANONYMOUS = 'anonymous'

export interface ApiKeys {
  /**
   * The name of the key in `Authorization: Bearer <key>`; undefined for a missing, malformed or unknown one.
   * Takes the same time whichever key it is and whether it is one at all.
   */
  nameOf(authorization: string | undefined): string | undefined
  /** The names that keys have, each once. */
  names(): readonly string[]
  /** Reads the file again; the keys are taken when what this resolves to is called. Rejects with `invalid_config`. */
  read(): Promise<() => void>
}

/** Reads files again on each SIGHUP, until it is disposed of; a broken one is logged and changes nothing. */
export function reloadOnSighup(files: Pick<ApiKeys, 'read'>, logger: Logger): Disposable {
  const reload = () => {
    files.read().then(
      (take) => {
        take()
        logger.info('API keys and limits read again')
      },
      (err) => logger.error({ err }, 'API keys and limits not read again; the old ones stay'),
    )
  }
  process.on('SIGHUP', reload)
  return { [Symbol.dispose]: () => process.off('SIGHUP', reload) }
}

interface Key {
  readonly name: string
  /** SHA-256 of the key, so that all comparisons have one length and the key itself is not kept. */
  readonly digest: Buffer
}

/** Reads a file with one `name:key` or `key` a line; `#` starts a comment. Rejects with `invalid_config`. */
export async function loadApiKeys(file: string): Promise<ApiKeys> {
  let keys = await readKeys(file)
  return {
    nameOf: (authorization) => match(keys, authorization),
    names: () => [...new Set(keys.map(({ name }) => name))],
    async read() {
      const read = await readKeys(file)
      return () => {
        keys = read
      }
    },
  }
}

async function readKeys(file: string): Promise<readonly Key[]> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new AerieError('invalid_config', `apiKeysFile: cannot read ${file}`, { cause })
  })
  return parseKeys(text, file)
}

/** `file` is for messages, which name lines and never keys. */
export function parseKeys(text: string, file: string): readonly Key[] {
  const keys = text.split('\n').flatMap((raw, i) => {
    const line = raw.replace(/#.*/, '').trim()
    if (line === '') return []
    const [, name, key] = /^(?:([\w.-]{1,64}):)?([!-~]+)$/.exec(line) ?? []
    if (key === undefined) {
      const what = 'expected `name:key` or `key` of printable ASCII without spaces'
      throw new AerieError('invalid_config', `apiKeysFile: ${file} line ${i + 1}: ${what}`)
    }
    if (name === ANONYMOUS) {
      const what = `expected another name than ${ANONYMOUS}, whose caches requests without a key share`
      throw new AerieError('invalid_config', `apiKeysFile: ${file} line ${i + 1}: ${what}`)
    }
    const digest = sha256(key)
    // A key without a name is known by its digest, which survives a change of the order.
    return [{ name: name ?? `key-${digest.toString('hex').slice(0, 8)}`, digest }]
  })
  if (keys.length === 0) {
    throw new AerieError('invalid_config', `apiKeysFile: ${file}: expected at least one key`)
  }
  return keys
}

function match(keys: readonly Key[], authorization: string | undefined): string | undefined {
  const candidate = sha256(/^Bearer +([!-~]+)$/i.exec(authorization ?? '')?.[1] ?? '')
  let name: string | undefined
  for (const key of keys) {
    // No early exit: the time must not tell which key it was.
    if (timingSafeEqual(key.digest, candidate)) name = key.name
  }
  return name
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
