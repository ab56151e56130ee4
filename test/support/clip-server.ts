/** A program of its own, to be killed: media that look into the clip of its first argument; spool folder and tools are the others. */
import { stat } from 'node:fs/promises'
import { mediaForClips } from '../media/video/clips.ts'

const [path, spoolFolder, ffmpeg, ffprobe] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]
const media = await mediaForClips({ clips: { spoolFolder, ffmpeg, ffprobe } })
const { size } = await stat(path)
const url = `data:video/mp4;base64,${Buffer.alloc(size, 1).toString('base64')}`
const loading = media.clips.load({ from: { url }, param: 'video' }, new AbortController().signal)
process.stdout.write('loading\n')
await loading
