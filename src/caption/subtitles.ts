/** Captions as SubRip or WebVTT, which players show under the picture. */
import type { Span } from './job.ts'

export interface Cue extends Span {
  readonly text: string
}

/** The whole file. Cues come in the order of their times; one without words is left out. */
export function subtitles(cues: readonly Cue[], format: 'srt' | 'vtt'): string {
  const shown = cues
    .map((cue) => ({ cue, text: format === 'vtt' ? vttText(cue.text) : srtText(cue.text) }))
    .filter(({ text }) => text !== '')
  const times = ({ start, end }: Span) => {
    const from = Math.round(start * 1000)
    // A cue that ends as it begins is an error to players.
    const to = Math.max(from + 1, Math.round(end * 1000))
    const mark = format === 'vtt' ? '.' : ','
    return `${clock(from, mark)} --> ${clock(to, mark)}`
  }
  const blocks = shown.map(({ cue, text }, i) =>
    format === 'vtt' ? `${times(cue)}\n${text}\n` : `${i + 1}\n${times(cue)}\n${text}\n`,
  )
  return (format === 'vtt' ? ['WEBVTT\n', ...blocks] : blocks).join('\n')
}

/** WebVTT has entities for what it would read as markup; `-->` cannot be in a text that has no `>`. */
function vttText(text: string): string {
  return lines(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/**
 * SubRip has no way to escape: players take `<` for a tag, `{\` for an instruction and a line with `-->` for times, so that
 * signs which look alike stand in for them.
 */
function srtText(text: string): string {
  return lines(text).replaceAll('-->', '→').replaceAll('<', '‹').replaceAll('{\\', '{/')
}

/** An empty line would end the cue. */
function lines(text: string): string {
  return text
    .replaceAll('\0', '')
    .split(/[\r\n\u0085\u2028\u2029]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n')
}

/** `01:02:03.004`; hours as many as there are. */
function clock(ms: number, mark: ',' | '.'): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const hours = two(ms / 3_600_000)
  return `${hours}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${mark}${String(ms % 1000).padStart(3, '0')}`
}
