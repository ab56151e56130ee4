/** A clip that the starter can talk about: two seconds of a red circle, then two of a blue square, ten frames a second. */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Why tests that need ffmpeg are skipped; false where it is there. */
export const NO_FFMPEG: string | false = spawnSync('ffmpeg', ['-version']).error
  ? 'ffmpeg is not installed'
  : false

/** A keyframe a second. */
export async function drawShapes(path: string): Promise<void> {
  const inside = 'lt(hypot(X-160,Y-160),90)'
  const circle = `color=c=white:s=320x320:r=10:d=2,geq=r='if(${inside},220,255)':g='if(${inside},20,255)':b='if(${inside},20,255)'`
  const square = 'color=c=white:s=320x320:r=10:d=2,drawbox=x=80:y=80:w=160:h=160:color=blue:t=fill'
  await run('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-y', '-f', 'lavfi', '-i', circle, '-f', 'lavfi', '-i', square],
    ...['-filter_complex', '[0:v][1:v]concat=n=2:v=1[v]', '-map', '[v]'],
    ...['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-g', '10', path],
  ])
}
