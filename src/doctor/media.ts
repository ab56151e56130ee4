/** What can decode media here: sharp for pictures, ffmpeg for clips. */
import { readConfig } from '../config.ts'
import type { Finding } from './finding.ts'
import { firstLine } from './output.ts'

const PICTURE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff', 'svg', 'heic'] as const

/** sharp with the libvips that it carries, and the formats that this build reads. */
export async function checkSharp(): Promise<Finding> {
  const name = 'sharp'
  try {
    const { default: sharp } = await import('sharp')
    const formats: Readonly<Record<string, unknown>> = { ...sharp.format }
    const readable = PICTURE_FORMATS.filter((format) => canRead(formats, format))
    const missing = PICTURE_FORMATS.filter((format) => !readable.includes(format))
    return {
      name,
      state: 'ok',
      text:
        `${sharp.versions.sharp} with libvips ${sharp.versions.vips}, reads ${readable.join(' ')}` +
        (missing.length > 0 ? ` (not ${missing.join(' ')})` : ''),
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n').find((l) => l.trim()) : ''
    return {
      name,
      state: 'bad',
      text: `cannot be loaded: ${reason}`,
      advice: 'run `npm ci` on this machine, with optional dependencies',
    }
  }
}

/** libvips reads AVIF through its HEIF loader; HEIC itself needs an HEVC decoder, which sharp's build lacks. */
function canRead(formats: Readonly<Record<string, unknown>>, format: string): boolean {
  const entry = formats[format === 'avif' || format === 'heic' ? 'heif' : format] as
    | { readonly input: { readonly buffer: boolean; readonly fileSuffix?: readonly string[] } }
    | undefined
  if (entry?.input.buffer !== true) return false
  return format !== 'heic' || (entry.input.fileSuffix?.includes('.heic') ?? false)
}

/** ffmpeg and ffprobe, those of the configuration. */
export async function checkFfmpeg(): Promise<Finding> {
  const name = 'ffmpeg'
  const { ffmpegPath, ffprobePath } = await readConfig().catch(() => DEFAULTS)
  const [ffmpeg, ffprobe, filters] = await Promise.all([
    firstLine(ffmpegPath, ['-version']),
    firstLine(ffprobePath, ['-version']),
    firstLine(ffmpegPath, ['-v', 'error', '-h', 'filter=zscale']),
  ])
  const versions = [ffmpeg, ffprobe].flatMap(
    (line) => /^(\w+ version \S+)/.exec(line ?? '')?.[1] ?? [],
  )
  const install = 'pictures need none; for clips, install it: `apt-get install ffmpeg`'
  if (versions.length < 2) {
    const text = versions.length === 0 ? 'absent' : `only ${versions[0]}`
    return { name, state: 'note', text, advice: install }
  }
  const [, major = '99', minor = '0'] = /version n?(\d+)\.(\d+)/.exec(versions[0]!) ?? []
  const text = versions.join(', ')
  if (Number(major) + Number(minor) / 100 < 4.04) {
    return { name, state: 'note', text, advice: 'clips need 4.4 or newer' }
  }
  return filters?.startsWith('Filter zscale')
    ? { name, state: 'ok', text }
    : { name, state: 'note', text, advice: 'without its filter zscale, HDR clips look pale' }
}

/** Where the configuration cannot be read, which another command says. */
const DEFAULTS = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe' }
