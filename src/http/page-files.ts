/**
 * The files of the playground, in memory: what lies in `src/page/`, Preact, and the examples of `docs/pictures/`. Nothing else can be
 * asked for: a request names a file by its place in this list, never by a path.
 *
 * There is no build step. Browsers get the modules as they are written, each under one address that changes with any of them, so
 * that they may be kept for ever and never mix with those of another version.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

export interface PageFile {
  readonly type: string
  /** By content coding; `identity` is always there, the others where they are smaller. */
  readonly bodies: Readonly<Partial<Record<Coding, Buffer>>> & { readonly identity: Buffer }
}

export type Coding = 'br' | 'gzip' | 'identity'

export interface PageFiles {
  /** Changes with every byte of any file. */
  readonly version: string
  readonly index: PageFile
  /** By their path under `/page/<version>/`. */
  readonly files: ReadonlyMap<string, PageFile>
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.wav': 'audio/wav',
  '.mp4': 'video/mp4',
}

const PAGE = new URL('../page/', import.meta.url)
const EXAMPLES = new URL('../../docs/pictures/', import.meta.url)

/** Packages that the page is built on, with the names by which its modules import them. */
const VENDOR: Readonly<Record<string, string>> = {
  'vendor/preact.js': 'preact',
  'vendor/hooks.js': 'preact/hooks',
}

/** Reads and compresses everything once, off the main thread. Rejects where the installation is incomplete. */
export async function loadPageFiles(): Promise<PageFiles> {
  const sources = new Map([
    ...(await filesOf(PAGE, '', ['.html', '.js', '.css', '.svg'])),
    ...(await filesOf(EXAMPLES, 'examples/', ['.png', '.jpg', '.wav', '.mp4'])),
    ...(await Promise.all(
      Object.entries(VENDOR).map(async ([name, module]) => [name, await vendored(module)] as const),
    )),
  ])
  const hash = createHash('sha256')
  for (const [name, bytes] of sources) hash.update(`${name}\0${bytes.length}\0`).update(bytes)
  const version = hash.digest('base64url').slice(0, 16)
  const html = sources.get('index.html')!.toString()
  sources.delete('index.html')
  const packed = await Promise.all(
    [...sources].map(async ([name, bytes]) => [name, await pack(name, bytes)] as const),
  )
  return {
    version,
    index: await pack('index.html', Buffer.from(fillIn(html, version, [...sources.keys()]))),
    files: new Map(packed),
  }
}

/** The page names its files relative to `{{base}}`; all modules are announced at once, or each would wait for who imports it. */
function fillIn(html: string, version: string, names: readonly string[]): string {
  const base = `/page/${version}`
  const modules = names.filter((name) => name.endsWith('.js') && name !== 'theme.js')
  const links = modules.map((name) => `<link rel="modulepreload" href="${base}/${name}">`)
  return html.replaceAll('{{base}}', base).replace('{{modules}}', links.join('\n'))
}

async function filesOf(
  folder: URL,
  prefix: string,
  extensions: readonly string[],
): Promise<(readonly [name: string, bytes: Buffer])[]> {
  const root = fileURLToPath(folder)
  const names = (await readdir(root, { recursive: true })).map((name) => name.replaceAll('\\', '/'))
  const wanted = names.filter((name) => extensions.includes(extname(name))).sort()
  return Promise.all(
    wanted.map(async (name) => [prefix + name, await readFile(new URL(name, folder))] as const),
  )
}

/** A package's module as a browser can load it: its import of another package becomes one of the file beside it. */
async function vendored(module: string): Promise<Buffer> {
  const text = await readFile(new URL(import.meta.resolve(module)), 'utf8')
  const alone = text
    .replace(/\bfrom\s*"preact"/g, 'from"./preact.js"')
    .replace(/\n\/\/# sourceMappingURL=.*/, '')
  if (/\bfrom\s*["'][^.]/.test(alone)) throw new Error(`${module} imports what the page lacks`)
  return Buffer.from(alone)
}

async function pack(name: string, identity: Buffer): Promise<PageFile> {
  const type = TYPES[extname(name)]!
  if (!/^text|svg/.test(type)) return { type, bodies: { identity } }
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(identity, quality),
    promisify(gzip)(identity),
  ])
  return {
    type,
    bodies: {
      identity,
      ...(br.length < identity.length && { br }),
      ...(zipped.length < identity.length && { gzip: zipped }),
    },
  }
}
